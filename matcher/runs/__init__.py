"""Match runs: a registry against versions, as durable rows that any number of workers may finish in any order.

`start_run` writes the run and its shards and sends them; `work_shard` does one; `run_inline` does them all in this
process; `resume_stalled` finds what a lost queue or a dead worker left behind. `follow` starts the run that a registry
is due, so that the answers to its standing question stay true; `follow_soon` has a worker do that.
"""

from matcher.runs.asking import DATA_THROUGH, AsOf, day_of, read_as_of, today_in
from matcher.runs.following import follow, is_up_to_date
from matcher.runs.identity import engine_version
from matcher.runs.queue import follow_soon, send
from matcher.runs.recovery import resume_stalled
from matcher.runs.settling import first_things, lacking_fact, latest_standing, settling_of
from matcher.runs.standing import asked_versions
from matcher.runs.starting import UnderWay, cancel_run, start_run, under_way
from matcher.runs.working import run_inline, work_shard

__all__ = [
    "DATA_THROUGH",
    "AsOf",
    "UnderWay",
    "asked_versions",
    "cancel_run",
    "day_of",
    "engine_version",
    "first_things",
    "follow",
    "follow_soon",
    "is_up_to_date",
    "lacking_fact",
    "latest_standing",
    "read_as_of",
    "resume_stalled",
    "run_inline",
    "send",
    "settling_of",
    "start_run",
    "today_in",
    "under_way",
    "work_shard",
]
