"""Forms of the members page."""

from django import forms

from apps.accounts.models import Role
from apps.accounts.service_form import ServiceForm


class OrganisationNameForm(ServiceForm):
    name = forms.CharField(
        max_length=120, label="Name of the organisation", help_text="The address of its pages stays."
    )


class InviteForm(ServiceForm):
    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)
