"""Every stable code for what can go wrong, whose turn it is, and what to do about it.

    yours:*   the user's data, settings or money; never pages anyone, never retried
    ours:*    a machine or a bug of ours; retried or credited, pages someone

The words live here once; `docs/errors/` has a page per code (a test compares the two).
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    code: str
    title: str
    fix: str

    @property
    def is_ours(self) -> bool:
        return self.code.startswith("ours:")


_ALL = [
    # datasets
    Failure("yours:file-empty", "The file is empty", "Upload a file with a header row and at least 20 rows of data."),
    Failure(
        "yours:file-format",
        "The file format is not supported",
        "Upload CSV, TSV, Parquet, JSON lines, or a ZIP with one folder per class.",
    ),
    Failure(
        "yours:file-too-large",
        "The file is larger than your plan allows",
        "Upload a smaller file, split it, or ask for a larger limit.",
    ),
    Failure(
        "yours:file-unreadable",
        "The file could not be read",
        "Open it with the program that wrote it, save it again and upload that.",
    ),
    Failure(
        "yours:checksum-mismatch",
        "The file arrived damaged",
        "Upload it again; the checksum sent with it does not match its bytes.",
    ),
    Failure("yours:csv-duplicate-column", "Two columns have the same name", "Give each column a name of its own."),
    Failure(
        "yours:csv-ragged",
        "Some rows have another number of fields than the header",
        "Correct the listed lines; quote fields that contain the separator.",
    ),
    Failure("yours:csv-columns", "The table has too many columns", "Keep at most 4,096 columns."),
    Failure("yours:csv-field", "A field is longer than 1 MB", "Look for an unclosed quote near the named line."),
    Failure("yours:csv-encoding", "The text encoding could not be recognised", "Save the file as UTF-8."),
    Failure("yours:csv-nul", "The text contains NUL bytes", "Export the file as plain text CSV again."),
    Failure(
        "yours:gzip-too-large", "The compressed file unpacks to too much data", "Upload the data in smaller parts."
    ),
    Failure("yours:parquet-too-large", "The Parquet file unpacks to too much data", "Upload fewer rows or columns."),
    Failure(
        "yours:zip-too-large",
        "The ZIP unpacks to too much data",
        "Upload the images in smaller parts, without other files.",
    ),
    Failure("yours:zip-overlap", "Entries of the ZIP overlap", "Make the ZIP again with an ordinary archiver."),
    Failure(
        "yours:zip-bad-path",
        "The ZIP contains a path that leaves its folder",
        "Use plain folder and file names in the ZIP.",
    ),
    Failure("yours:zip-link", "The ZIP contains links or special files", "Put the files themselves into the ZIP."),
    Failure(
        "yours:zip-duplicate",
        "The ZIP contains the same name twice",
        "Give each file a name of its own; upper and lower case count as the same.",
    ),
    Failure("yours:zip-entries", "The ZIP contains too many files", "Keep at most 100,000 files in a ZIP."),
    Failure(
        "yours:zip-size-mismatch",
        "A ZIP entry has another size than it declares",
        "Make the ZIP again with an ordinary archiver.",
    ),
    Failure(
        "yours:zip-method",
        "The ZIP uses an unusual compression or encryption",
        "Use ordinary ZIP compression (deflate) without a password.",
    ),
    Failure(
        "yours:zip-layout",
        "The ZIP is not laid out as one folder per class",
        "Put the images of each class into a folder named after the class.",
    ),
    Failure(
        "yours:image-invalid",
        "Too many images cannot be read",
        "Remove or replace the listed files; PNG, JPEG and WebP are read.",
    ),
    Failure("yours:image-pixels", "An image has too many pixels", "Scale images to at most 40 megapixels."),
    Failure("yours:too-few-rows", "There are too few rows to learn from", "Provide at least 20 labelled rows."),
    Failure("yours:one-class", "The target has only one class", "Provide examples of at least two classes."),
    Failure(
        "yours:labels-missing",
        "The target column has no labels",
        "Choose another target column, or fill in the labels.",
    ),
    Failure(
        "yours:text-missing",
        "No column holds texts",
        "Provide a column of texts, or give a column the type text when uploading.",
    ),
    Failure(
        "yours:class-too-small",
        "A class has too few examples",
        "Provide at least 3 examples of each class, or merge rare classes.",
    ),
    # training
    Failure(
        "yours:target-unknown", "The target column does not exist", "Choose one of the columns of the dataset version."
    ),
    Failure(
        "yours:roles-unclear",
        "It is not clear which columns hold the user and the item",
        'Choose the item\'s column as target, and name the others: {"roles": {"user": "…", "item": "…"}}.',
    ),
    Failure(
        "yours:time-column-missing",
        "No column says when each value was",
        'Give a column of dates or whole step numbers, and name it where there are several: {"time_column": "…"}.',
    ),
    Failure(
        "yours:series-too-short",
        "The series are too short for this forecast",
        "Send more history, or ask for fewer steps ahead: three times as many values as steps at the least.",
    ),
    Failure(
        "yours:series-irregular",
        "The times have no regular step",
        "Sum or average the values per hour, day, week or month first, or name the columns that tell the series apart.",
    ),
    Failure(
        "yours:target-type",
        "The target does not fit the task",
        "Choose regression for numbers, classification for categories.",
    ),
    Failure(
        "yours:dataset-not-ready",
        "The dataset version is not ready",
        "Wait for its checks to finish, or upload a corrected file.",
    ),
    Failure("yours:budget-too-small", "The budget is too small for any model", "Give the run at least 10 seconds."),
    Failure(
        "yours:budget-spent",
        "The run reached its budget before the first model was ready",
        "Give the run more seconds or a smaller dataset version.",
    ),
    Failure(
        "yours:out-of-memory",
        "The run needed more memory than the machine has",
        "Use fewer rows or columns, or a pool with more memory.",
    ),
    Failure("yours:no-credit", "There is not enough credit", "Top up, or lower the cost cap of what you start."),
    Failure(
        "ours:worker-lost",
        "The machine that did the work was lost",
        "Nothing to do: the work is resumed elsewhere; after three losses it is not charged.",
    ),
    Failure(
        "ours:training-crashed",
        "Training stopped for a reason of ours",
        "Start the run again; it was not charged. Quote the request id to support.",
    ),
    Failure(
        "ours:export-failed",
        "The trained model could not be exported",
        "Start the run again; it was not charged. Quote the run to support.",
    ),
    Failure(
        "ours:parity-failed",
        "The exported model does not answer like the trained one",
        "Nothing was published. Quote the run to support.",
    ),
    # requests
    Failure(
        "yours:not-authenticated", "No valid credentials", "Send `Authorization: Bearer my_live_…` with a live key."
    ),
    Failure("yours:key-expired", "The API key has expired", "Create a new key and use that."),
    Failure("yours:key-paused", "The API key is paused", "Ask whoever issued the key to resume it."),
    Failure("yours:key-revoked", "The API key was revoked", "Use another key."),
    Failure(
        "yours:not-allowed",
        "This role or key may not do that",
        "Ask an administrator, or use a key with the scope named in the message.",
    ),
    Failure("yours:not-found", "There is no such thing here", "Check the id; it may belong to another organisation."),
    Failure(
        "yours:method-not-allowed",
        "This address does not accept that method",
        "See the API reference for the methods of this address.",
    ),
    Failure("yours:invalid", "The request is not valid", "Correct the fields listed under `errors`."),
    Failure("yours:malformed", "The request body cannot be read", "Send well-formed JSON with the right Content-Type."),
    Failure(
        "yours:unsupported-media",
        "This content type is not accepted here",
        "Use one of the content types named in the message.",
    ),
    Failure("yours:too-large", "The request is too large", "Send fewer rows or a smaller file per request."),
    Failure("yours:conflict", "That is in conflict with what is there", "Reload and try again."),
    Failure(
        "yours:stale", "Somebody changed this meanwhile", "Fetch it again and repeat your change with the new ETag."
    ),
    Failure(
        "yours:idempotency-reuse",
        "The Idempotency-Key was used for another request",
        "Use a new key for a new request.",
    ),
    Failure(
        "yours:idempotency-in-flight", "A request with this Idempotency-Key is still running", "Wait and ask again."
    ),
    Failure(
        "yours:state", "This is not possible in the present state", "See the message for what has to happen first."
    ),
    Failure(
        "yours:limit-reached",
        "A limit of the plan is reached",
        "Remove something you no longer need, or ask for a larger plan.",
    ),
    # data plane
    Failure("yours:rate-limited", "Too many requests", "Wait the seconds named in Retry-After."),
    Failure("yours:budget-exhausted", "The budget is used up", "Raise the budget, or wait until it resets."),
    Failure("yours:account-closed", "The account is closed", "Write to us to open it again."),
    Failure("yours:suspended", "The organisation is suspended", "Settle the open invoice, or contact support."),
    Failure("yours:endpoint-unknown", "There is no such endpoint", "Check the name and that the key may use it."),
    Failure("yours:endpoint-paused", "The endpoint is paused", "Resume it on its page."),
    Failure("yours:row-invalid", "A row does not fit the model's schema", "Correct the fields listed under `errors`."),
    Failure(
        "yours:explanation-unsupported",
        "This model's answers cannot be explained",
        "Explanations are given for classes and values of tables and texts, and for image classes.",
    ),
    Failure("yours:deadline", "The request's own deadline passed", "Allow more time, or send less at once."),
    Failure("ours:overloaded", "The server is overloaded", "Retry after the seconds named in Retry-After."),
    Failure("ours:starting", "The endpoint is still starting", "Retry after the seconds named in Retry-After."),
    Failure("ours:model-unavailable", "The model could not be loaded", "Retry later; the operators have been told."),
    Failure("ours:metering-unavailable", "Usage cannot be recorded at the moment", "Retry later; nothing was charged."),
    Failure("ours:control-unavailable", "The control plane cannot be reached", "Retry later; nothing was charged."),
    Failure("ours:payments-unavailable", "Payments cannot be reached", "Retry later; no money was moved."),
    Failure("ours:switched-off", "The operators have paused this for the moment", "Retry later."),
    Failure("ours:internal", "Something failed on our side", "Retry later and quote the request id."),
]

FAILURES: dict[str, Failure] = {failure.code: failure for failure in _ALL}
