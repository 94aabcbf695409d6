"""REST addresses of this stage, under /api/v1/."""

from django.urls import URLPattern, path

from apps.registry.api import Models, OneModel, OneVersion, VersionFile, VersionPaper, Versions

_VERSION = "model-versions/<str:version_id>"

urlpatterns: list[URLPattern] = [
    path("models", Models.as_view(), name="api-models"),
    path("models/<str:model_id>", OneModel.as_view(), name="api-model"),
    path("model-versions", Versions.as_view(), name="api-model-versions"),
    path(_VERSION, OneVersion.as_view(), name="api-model-version"),
    path(f"{_VERSION}/files/<str:name>", VersionFile.as_view(), name="api-model-version-file"),
    path(f"{_VERSION}/model.onnx", VersionPaper.as_view(paper="model.onnx"), name="api-model-version-onnx"),
    path(f"{_VERSION}/manifest.json", VersionPaper.as_view(paper="manifest.json"), name="api-model-version-manifest"),
    path(f"{_VERSION}/evaluation", VersionPaper.as_view(paper="evaluation.json"), name="api-model-version-evaluation"),
]
