"""The extra field of the sign-up page: the name of the organisation the newcomer starts with."""

from django import forms


class OrganisationSignupForm(forms.Form):
    organisation = forms.CharField(max_length=120, label="Organisation")

    def signup(self, request: object, user: object) -> None:
        """Called by allauth once the user row exists."""
