"""Pages outside any organisation: landing, home, error codes, the API reference, the manual."""

from django.urls import path

from apps.accounts.views import members
from apps.web.theme import choose_theme
from apps.web.views import api_docs, docs, home, key_page, public, style

urlpatterns = [
    path("", public.landing, name="landing"),
    path("home", home.home, name="home"),
    path("theme", choose_theme, name="theme"),
    path("organisations/new", home.new_organisation, name="organisation-new"),
    path("invitations/<str:token>", members.accept, name="invitation-accept"),
    path("key-usage/<str:token>", key_page.shared_usage, name="key-usage"),
    path("errors/", public.failures, name="failures"),
    path("errors/<slug:whose>/<slug:name>", public.failure, name="failure"),
    path("style", style.style, name="style"),
    path("api/docs", api_docs.api_docs, name="api-docs"),
    path("docs/", docs.docs, name="docs"),
    path("docs/search", docs.docs_search, name="docs-search"),
    path("docs/<path:slug>", docs.docs, name="docs-page"),
]
