"""Forms of the members page."""

from django import forms

from apps.accounts.models import Role
from apps.accounts.service_form import ServiceForm


class InviteForm(ServiceForm):
    email = forms.EmailField(label="E-mail address")
    role = forms.ChoiceField(choices=Role.choices, initial=Role.MEMBER)
