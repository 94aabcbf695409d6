"""The internal API's finish: the trainer's last call, which ends the run and adds the model version."""

from rest_framework.request import Request
from rest_framework.response import Response

from apps.registry.services.complete_run import complete_run
from apps.training.authentication import attempt_of
from apps.training.internal import OfOneRun
from apps.training.messages import message_of
from contracts.jobs import RunReport
from contracts.wire import to_wire


class Finish(OfOneRun):
    def post(self, request: Request, run_id: str) -> Response:
        return Response(to_wire(complete_run(attempt_of(request), message_of(RunReport, request.data))))
