"""Datasets: the list, a new one, one with its versions, a file added to it."""

from django.contrib import messages
from django.core.files import File
from django.db.models import Count, OuterRef, Subquery
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from apps.accounts.current_organisation import OrganisationRequest, needs
from apps.datasets.forms import NewDatasetForm, UploadForm
from apps.datasets.models import Dataset, DatasetVersion
from apps.datasets.samples import SAMPLES
from apps.datasets.services.create_dataset import create_dataset
from apps.datasets.services.delete_dataset import delete_dataset
from apps.datasets.services.receive_upload import receive_upload


def find_dataset(request: OrganisationRequest, dataset_id: str) -> Dataset:
    return get_object_or_404(Dataset.objects.of(request.organisation).filter(deleted_at=None), pk=dataset_id)


@needs("read")
def datasets(request: OrganisationRequest, organisation: str) -> HttpResponse:
    newest = DatasetVersion.objects.filter(dataset=OuterRef("pk")).order_by("-number")
    rows = (
        Dataset.objects.of(request.organisation)
        .filter(deleted_at=None)
        .annotate(
            version_count=Count("versions"),
            newest_state=Subquery(newest.values("state")[:1]),
            newest_rows=Subquery(newest.values("rows")[:1]),
            newest_bytes=Subquery(newest.values("upload_bytes")[:1]),
            newest_format=Subquery(newest.values("format")[:1]),
            newest_at=Subquery(newest.values("created_at")[:1]),
        )
        .order_by("-id")
    )
    return render(request, "datasets/list.html", {"datasets": rows, "samples": SAMPLES.values()})


@needs("write")
def new_dataset(request: OrganisationRequest, organisation: str) -> HttpResponse:
    form = NewDatasetForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        dataset = form.submit(
            lambda: create_dataset(request.organisation, name=data["name"], task=data["task"], created_by=request.user)
        )
        if dataset:
            return _receive(request, dataset, form)
    return render(request, "datasets/new.html", {"form": form, "samples": SAMPLES.values()})


@require_POST
@needs("write")
def upload(request: OrganisationRequest, organisation: str, dataset_id: str) -> HttpResponse:
    """Another file for a dataset: becomes its next version."""
    dataset = find_dataset(request, dataset_id)
    form = UploadForm(request.POST, request.FILES)
    if form.is_valid():
        return _receive(request, dataset, form)
    return _dataset_page(request, dataset, form)


def _receive(request: OrganisationRequest, dataset: Dataset, form: UploadForm) -> HttpResponse:
    file = form.cleaned_data["file"]
    version = form.submit(
        lambda: receive_upload(
            dataset, file=file, file_name=file.name, uploaded_by=request.user, options=form.options()
        )
    )
    if version is None:
        return _dataset_page(request, dataset, form)
    return redirect("datasets:version", request.organisation.slug, dataset.pk, version.pk)


@require_POST
@needs("write")
def use_sample(request: OrganisationRequest, organisation: str, sample: str) -> HttpResponse:
    """Upload a shipped file as if the person had chosen it."""
    chosen = SAMPLES.get(sample)
    if chosen is None or not chosen.path.exists():
        raise Http404("no such sample")
    dataset = create_dataset(request.organisation, name=chosen.name, created_by=request.user)
    with chosen.path.open("rb") as file:
        version = receive_upload(
            dataset, file=File(file, name=chosen.path.name), file_name=chosen.path.name, uploaded_by=request.user
        )
    messages.success(request, f"The {chosen.name.lower()} sample is uploaded; it is being checked like any other file.")
    return redirect("datasets:version", organisation, dataset.pk, version.pk)


@needs("read")
def dataset_page(request: OrganisationRequest, organisation: str, dataset_id: str) -> HttpResponse:
    return _dataset_page(request, find_dataset(request, dataset_id), UploadForm())


def _dataset_page(request: OrganisationRequest, dataset: Dataset, form: UploadForm) -> HttpResponse:
    versions = dataset.versions.select_related("created_by").order_by("-number")
    return render(request, "datasets/page.html", {"dataset": dataset, "versions": versions, "form": form})


@require_POST
@needs("write")
def delete(request: OrganisationRequest, organisation: str, dataset_id: str) -> HttpResponse:
    dataset = find_dataset(request, dataset_id)
    delete_dataset(dataset, by=request.user)
    messages.success(request, f"{dataset.name} is deleted. Models that learned from it stay.")
    return redirect("datasets:list", organisation)
