"""The contents of the diagrams of the documentation."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Messages:
    """Messages between actors, in the order in which they are sent.

    :param name: of the file.
    :param steps: from, to and text of each; from an actor to itself: a note.
    """

    name: str
    title: str
    description: str
    actors: tuple[str, ...]
    steps: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True)
class Boxes:
    """Boxes in rows, with arrows between them.

    :param name: of the file.
    :param arrows: from, to and text of each.
    """

    name: str
    title: str
    description: str
    rows: tuple[tuple[str, ...], ...]
    arrows: tuple[tuple[str, str, str], ...]


ARCHITECTURE = Boxes(
    "architecture",
    "The parts of the extension",
    "Browsers use the HTTP API and the console, Flask code uses current_jobs, and terminals"
    " use flask jobs. All three call job handles. A handle starts runs through idempotency,"
    " follows runs through the hub, and reads through the cache. These three call the"
    " workspace through the upstream package. The shared cache connects the processes of the"
    " app.",
    (
        ("Browser", "Your Flask code", "Terminal"),
        ("HTTP API\nand console", "current_jobs", "flask jobs"),
        ("Job handle",),
        ("Idempotency:\none run per key", "Hub: polls each\nrun once", "Cached reads"),
        ("Upstream: retries, deadline,\ncircuit breaker", "Shared cache\n(optional)"),
        ("Databricks, or\nthe local workspace", "Other processes\nof the app"),
    ),
    (
        ("Browser", "HTTP API\nand console", ""),
        ("Your Flask code", "current_jobs", ""),
        ("Terminal", "flask jobs", ""),
        ("HTTP API\nand console", "Job handle", ""),
        ("current_jobs", "Job handle", ""),
        ("flask jobs", "Job handle", ""),
        ("Job handle", "Idempotency:\none run per key", ""),
        ("Job handle", "Hub: polls each\nrun once", ""),
        ("Job handle", "Cached reads", ""),
        ("Idempotency:\none run per key", "Upstream: retries, deadline,\ncircuit breaker", ""),
        ("Hub: polls each\nrun once", "Upstream: retries, deadline,\ncircuit breaker", ""),
        ("Cached reads", "Upstream: retries, deadline,\ncircuit breaker", ""),
        ("Cached reads", "Shared cache\n(optional)", ""),
        ("Hub: polls each\nrun once", "Shared cache\n(optional)", ""),
        (
            "Upstream: retries, deadline,\ncircuit breaker",
            "Databricks, or\nthe local workspace",
            "",
        ),
        ("Other processes\nof the app", "Shared cache\n(optional)", ""),
    ),
)

STREAM = Messages(
    "stream",
    "The life of a stream",
    "A browser opens a stream. The app subscribes to the run at the hub, which polls the"
    " workspace. The first state is sent at once, and each new state when the hub finds it."
    " When the connection breaks, the browser reconnects with the id of the last event and"
    " gets only a newer state. After the end, another request is answered with 204.",
    ("Browser", "Stream", "Hub", "Workspace"),
    (
        ("Browser", "Stream", "GET …/stream"),
        ("Stream", "Stream", "authorize"),
        ("Stream", "Hub", "subscribe"),
        ("Hub", "Workspace", "poll"),
        ("Workspace", "Hub", "PENDING"),
        ("Hub", "Stream", "state A"),
        ("Stream", "Browser", "id: A"),
        ("Hub", "Workspace", "poll"),
        ("Workspace", "Hub", "RUNNING"),
        ("Hub", "Stream", "state B"),
        ("Stream", "Browser", "id: B"),
        ("Browser", "Browser", "connection lost"),
        ("Browser", "Stream", "Last-Event-ID: B"),
        ("Stream", "Hub", "subscribe after B"),
        ("Hub", "Workspace", "poll"),
        ("Workspace", "Hub", "TERMINATED"),
        ("Hub", "Stream", "state C, the end"),
        ("Stream", "Browser", "id: C, event: end"),
        ("Browser", "Stream", "Last-Event-ID: C"),
        ("Stream", "Browser", "204: stop"),
    ),
)

IDEMPOTENCY = Messages(
    "idempotency",
    "One run per idempotency key",
    "A client starts a run with an idempotency key. The app finds no record of the key, and"
    " sends a token made of the key to the workspace. The response is lost, so the app sends"
    " the same token again and receives the same run. It stores a record of the key. When the"
    " client repeats the request, the record answers with the same run.",
    ("Client", "App", "Cache", "Workspace"),
    (
        ("Client", "App", "Idempotency-Key: k"),
        ("App", "Cache", "record of k?"),
        ("Cache", "App", "none"),
        ("App", "Workspace", "run-now, token t"),
        ("Workspace", "Workspace", "starts run 12"),
        ("App", "App", "response lost"),
        ("App", "Workspace", "run-now, token t"),
        ("Workspace", "App", "run 12"),
        ("App", "Cache", "k: run 12,\nfingerprint"),
        ("App", "Client", "run 12"),
        ("Client", "App", "Idempotency-Key: k"),
        ("App", "Cache", "record of k?"),
        ("Cache", "App", "run 12"),
        ("App", "Client", "run 12, replayed"),
    ),
)

POLLING = Messages(
    "polling",
    "Two processes share one poll",
    "Two processes watch the same run. When the next poll is due, process 1 acquires the"
    " lease in the shared cache, polls the workspace and publishes the state. Process 2 does"
    " not get the lease. It reads the published state and does not poll.",
    ("Process 1", "Shared cache", "Process 2", "Workspace"),
    (
        ("Process 1", "Shared cache", "acquire lease\nafter poll 7"),
        ("Shared cache", "Process 1", "acquired"),
        ("Process 2", "Shared cache", "acquire lease\nafter poll 7"),
        ("Shared cache", "Process 2", "held"),
        ("Process 1", "Workspace", "read the run"),
        ("Workspace", "Process 1", "RUNNING"),
        ("Process 1", "Shared cache", "poll 8: state,\nfresh for 3 s"),
        ("Process 2", "Shared cache", "last poll?"),
        ("Shared cache", "Process 2", "poll 8: state"),
        ("Process 2", "Process 2", "sends it to\nits viewers"),
    ),
)

CACHING = Messages(
    "caching",
    "A read, and a write that invalidates it",
    "A reader asks for a run. The cache has no fresh response, so one request goes to the"
    " workspace, and other readers at the same moment wait for it. The response is stored"
    " under the generation of the job. A cancellation begins a new generation, so the next"
    " read does not find the old response.",
    ("Reader", "App", "Cache", "Workspace"),
    (
        ("Reader", "App", "read run 12"),
        ("App", "Cache", "generation,\nresponse?"),
        ("Cache", "App", "generation 1, none"),
        ("App", "Workspace", "one request for all readers"),
        ("Workspace", "App", "RUNNING"),
        ("App", "Cache", "RUNNING,\ngeneration 1"),
        ("App", "Reader", "RUNNING"),
        ("Reader", "App", "cancel run 12"),
        ("App", "Workspace", "cancel"),
        ("App", "Cache", "generation 2"),
        ("Reader", "App", "read run 12"),
        ("App", "Workspace", "a new request"),
        ("Workspace", "App", "TERMINATING"),
        ("App", "Reader", "TERMINATING"),
    ),
)

SECURITY = Boxes(
    "security",
    "The checks that a request passes",
    "A request passes these checks in order: it does not come from another site, otherwise"
    " 403. The user is known. The policy allows the action, otherwise 404 if the user may not"
    " view the job and 403 if they may. The parameters match the schema, otherwise 400. The"
    " run belongs to the job, otherwise 404. Then the app calls the workspace with its own"
    " identity or the user's.",
    (
        ("Request",),
        ("From another site?", "403"),
        ("Who is the user?\nuser_loader or proxy headers", "403 if the loader fails"),
        ("May the user do this?\npolicy, read-only", "404 without view,\notherwise 403"),
        ("Valid parameters?\nmarshmallow schema", "400, messages by field"),
        ("Does the run belong\nto this job?", "404"),
        ("Workspace, as the app\nor as the user",),
    ),
    (
        ("Request", "From another site?", ""),
        ("From another site?", "403", "yes"),
        ("From another site?", "Who is the user?\nuser_loader or proxy headers", ""),
        ("Who is the user?\nuser_loader or proxy headers", "403 if the loader fails", ""),
        (
            "Who is the user?\nuser_loader or proxy headers",
            "May the user do this?\npolicy, read-only",
            "",
        ),
        ("May the user do this?\npolicy, read-only", "404 without view,\notherwise 403", "no"),
        (
            "May the user do this?\npolicy, read-only",
            "Valid parameters?\nmarshmallow schema",
            "",
        ),
        ("Valid parameters?\nmarshmallow schema", "400, messages by field", "no"),
        ("Valid parameters?\nmarshmallow schema", "Does the run belong\nto this job?", ""),
        ("Does the run belong\nto this job?", "404", "no"),
        ("Does the run belong\nto this job?", "Workspace, as the app\nor as the user", ""),
    ),
)

LOCAL_WORKSPACE = Boxes(
    "local-workspace",
    "The local workspace",
    "The app, the SDK and other clients call the local workspace over HTTP on loopback, with"
    " a token. The API submits events to the engine. The engine decides the next state,"
    " commits it to SQLite, and then starts tasks. Each task runs in a process of its own."
    " Jobs come from databricks.yml.",
    (
        ("Your app\n(extension)", "SDK, CLI,\nother clients"),
        ("HTTP on 127.0.0.1,\nwith a token",),
        ("Jobs API 2.0, 2.1, 2.2", "databricks.yml"),
        ("Engine: event → decide →\ncommit → effects", "runs.sqlite"),
        ("A process per task", "Simulated task\n(no process)"),
    ),
    (
        ("Your app\n(extension)", "HTTP on 127.0.0.1,\nwith a token", ""),
        ("SDK, CLI,\nother clients", "HTTP on 127.0.0.1,\nwith a token", ""),
        ("HTTP on 127.0.0.1,\nwith a token", "Jobs API 2.0, 2.1, 2.2", ""),
        ("databricks.yml", "Jobs API 2.0, 2.1, 2.2", ""),
        ("Jobs API 2.0, 2.1, 2.2", "Engine: event → decide →\ncommit → effects", ""),
        ("Engine: event → decide →\ncommit → effects", "runs.sqlite", ""),
        ("Engine: event → decide →\ncommit → effects", "A process per task", ""),
        ("Engine: event → decide →\ncommit → effects", "Simulated task\n(no process)", ""),
    ),
)

RECORD = Messages(
    "record",
    "An end that is delivered in spite of a crash",
    "The process that follows runs polls the workspace and sees the end of a run. It writes the end"
    " and one delivery for each receiver in one transaction. It claims a delivery and calls the"
    " receiver, but is killed. The claim ends, so another process claims the delivery, calls the"
    " receiver again, and writes that it is done.",
    ("Workspace", "Process 1", "Record", "Process 2"),
    (
        ("Process 1", "Record", "lease: follow"),
        ("Process 1", "Workspace", "poll"),
        ("Workspace", "Process 1", "the run has ended"),
        ("Process 1", "Record", "end and deliveries,\none transaction"),
        ("Process 1", "Record", "claim delivery 1"),
        ("Process 1", "Process 1", "calls the receiver,\nis killed"),
        ("Record", "Record", "the claim ends"),
        ("Process 2", "Record", "claim delivery 1"),
        ("Process 2", "Process 2", "calls the receiver\nagain"),
        ("Process 2", "Record", "delivery 1 is done"),
    ),
)

SEQUENCES = (STREAM, IDEMPOTENCY, POLLING, CACHING, RECORD)
BOXES = (ARCHITECTURE, SECURITY, LOCAL_WORKSPACE)
