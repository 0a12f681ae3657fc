"""Every metric of the system. One process is one service, so no metric carries a service label: Prometheus adds the job.

Labels come from closed sets only: event types, reasons, rules, states, topics of the pack. Dashboards and alert rules
name these metrics; a test compares both ways.
"""

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, Info, disable_created_metrics
from prometheus_client.exposition import choose_encoder

from schemas.topics import SERVICES, ServiceName

# The times at which counters began would be a quarter of all series; Prometheus sees a counter begin anew by its value.
disable_created_metrics()  # type: ignore[no-untyped-call]
# The library's own registry has what every process exports.
_OWN: dict[ServiceName, CollectorRegistry] = {name: CollectorRegistry() for name in SERVICES}
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)

events_consumed = Counter("pakn_events_consumed_total", "Records read, by event type and result.", ["type", "result"])
events_published = Counter("pakn_events_published_total", "Facts acknowledged by Kafka, by event type.", ["type"])
event_age = Histogram(
    "pakn_event_age_seconds", "Seconds from a record's Kafka timestamp to the commit of its batch.", buckets=_SECONDS
)
turn_seconds = Histogram("pakn_turn_seconds", "Seconds that one batch took.", buckets=_SECONDS)
consumer_lag = Gauge(
    "pakn_consumer_lag_records",
    "Records not yet read or not yet committed, by topic and partition.",
    ["topic", "partition"],
)
partitions_assigned = Gauge("pakn_partitions_assigned", "Partitions that this process owns.")
last_progress = Gauge(
    "pakn_last_progress_timestamp_seconds", "Machine time at which a batch was last committed, or none was waiting."
)
server_up = Gauge("pakn_server_up", "1 while the database (mongodb) or Kafka (kafka) answers, 0 while it is away.", ["server"])
quarantined_partitions = Gauge(
    "pakn_quarantined_partitions", "Partitions in quarantine that this process owns: 1 each.", ["topic", "partition"]
)
waiting_partitions = Gauge(
    "pakn_waiting_partitions",
    "Partitions whose next records need something that is away, or are more than their party's share of a batch: 1 each.",
    ["topic", "partition"],
)
dead_letters = Counter("pakn_dead_letters_total", "Records given up, by reason.", ["reason"])

submissions = Counter(
    "pakn_submissions_total", "Submissions, by channel and result.", ["channel", "result"], registry=_OWN["intake"]
)
rate_limited = Counter(
    "pakn_rate_limited_total", "Requests refused by a limit of their network, by limit.", ["what"], registry=_OWN["intake"]
)
rate_limits_blind = Counter(
    "pakn_rate_limits_blind_total", "Requests that no limit could count: the database did not answer.", registry=_OWN["intake"]
)
uploads_refused = Counter(
    "pakn_uploads_refused_total", "Requests whose body or files were not taken, by reason.", ["reason"], registry=_OWN["intake"]
)
files_scanned = Counter(
    "pakn_files_scanned_total", "Files that were looked into, by the virus scanner's result.", ["result"], registry=_OWN["intake"]
)
open311_polls = Counter(
    "pakn_open311_polls_total",
    "Turns of asking a portal's Open311 interface, by result.",
    ["portal", "result"],
    registry=_OWN["intake"],
)
open311_requests = Counter(
    "pakn_open311_requests_total",
    "Requests that a portal's Open311 interface listed.",
    ["portal", "result"],
    registry=_OWN["intake"],
)
open311_polled = Gauge(
    "pakn_open311_polled_timestamp_seconds",
    "Machine time at which a portal's Open311 interface was last asked with success.",
    ["portal"],
    registry=_OWN["intake"],
)
open311_updates = Counter(
    "pakn_open311_updates_total",
    "Tries of telling a portal's Open311 interface of a step.",
    ["portal", "result"],
    registry=_OWN["intake"],
)
outbox_pending = Gauge(
    "pakn_outbox_pending", "Stored submissions whose facts are not yet published by this process.", registry=_OWN["intake"]
)

cases = Gauge("pakn_cases", "Open cases, by state.", ["state"], registry=_OWN["routing"])
crowded_cases = Gauge(
    "pakn_crowded_cases", "Open cases that have used half of the acts or bytes that a case may have.", registry=_OWN["routing"]
)

clocks = Gauge(
    "pakn_clocks",
    "Clocks that run, by rule and whether they are late or could not be counted.",
    ["rule", "state"],
    registry=_OWN["deadlines"],
)
calendar_ends = Gauge(
    "pakn_calendar_ends_timestamp_seconds",
    "Legal time at which the last year of the working calendar ends.",
    registry=_OWN["deadlines"],
)
calendar = Info("pakn_calendar", "The working calendar by which clocks that open are counted.", registry=_OWN["deadlines"])
clocks_moved = Counter(
    "pakn_clocks_moved_total",
    "Running clocks whose due day a correction of calendar or rule set moved.",
    registry=_OWN["deadlines"],
)
timers_fired = Counter("pakn_timers_fired_total", "Timers fired, by rule and rung.", ["rule", "rung"], registry=_OWN["deadlines"])
timer_lateness = Histogram(
    "pakn_timer_lateness_seconds",
    "Legal seconds between a timer's time and its firing.",
    buckets=_SECONDS,
    registry=_OWN["deadlines"],
)
timers_fired_until = Gauge(
    "pakn_timers_fired_until_timestamp_seconds", "Legal time up to which every due timer has fired.", registry=_OWN["deadlines"]
)

letters = Gauge(
    "pakn_letters", "Letters that are not settled, by state and channel.", ["state", "channel"], registry=_OWN["notify"]
)
letters_sent = Counter(
    "pakn_letters_sent_total",
    "Letters that the mail server or the SMS gateway accepted, by moment and channel.",
    ["moment", "channel"],
    registry=_OWN["notify"],
)
letters_held = Counter(
    "pakn_letters_held_total",
    "Letters put off to the next day, by the bound that was reached: of their address, or of all text messages of the day.",
    ["bound"],
    registry=_OWN["notify"],
)
mail_server_refuses = Gauge(
    "pakn_mail_server_refuses", "1 while the mail server refuses all letters, and sending rests.", registry=_OWN["notify"]
)
sms_gateway_refuses = Gauge(
    "pakn_sms_gateway_refuses", "1 while the SMS gateway refuses all texts, and sending rests.", registry=_OWN["notify"]
)
sms_parts = Counter(
    "pakn_sms_parts_total",
    "Parts of text messages that the gateway charges (sent) or may charge (uncertain).",
    ["result"],
    registry=_OWN["notify"],
)
letter_attempts = Counter(
    "pakn_letter_attempts_total",
    "Attempts to send a letter, by result and channel.",
    ["result", "channel"],
    registry=_OWN["notify"],
)


def exposition(service: ServiceName, accept: str) -> tuple[bytes, str]:
    """What a process of this service exports, and its media type: of the formats that `accept` takes, the library's choice."""
    exported = CollectorRegistry()
    exported.register(REGISTRY)
    exported.register(_OWN[service])
    encode, media_type = choose_encoder(accept)
    return encode(exported), media_type
