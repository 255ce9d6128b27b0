"""One protected source of the history: its schedules, runs and backups, and what the agent would say of them at an instant."""
import datetime
import math
import random

ZONE = datetime.timezone(datetime.timedelta(hours=9))
END = int(datetime.datetime(2026, 2, 15, 8, 0, tzinfo=ZONE).timestamp())
START = END - 15 * 86400
HOUR, DAY, MIB = 3600, 86400, 1 << 20
STATES = ("good", "unverified", "corrupt", "quarantined")


def midnight(time):
    """The day's first second in Tokyo."""
    return time - (time + 9 * HOUR) % DAY


def local(time):
    return datetime.datetime.fromtimestamp(time, ZONE)


def days_before_end(days, hour):
    return midnight(END) - days * DAY + hour * HOUR


class Schedule:
    def __init__(self, name, keep, hours, due=lambda day: True, increment=False):
        self.name, self.keep, self.hours, self.due, self.increment = name, keep, hours, due, increment

    def occurrences(self, start, end):
        day = midnight(start)
        while day < end:
            if self.due(local(day)):
                yield from (day + int(hour * HOUR) for hour in self.hours if start <= day + hour * HOUR < end)
            day += DAY


DAILY = Schedule("daily", 7 * DAY, (2,))
WEEKLY = Schedule("weekly", 28 * DAY, (3,), lambda day: day.weekday() == 6)
MONTHLY = Schedule("monthly", 366 * DAY, (4,), lambda day: day.day == 1)
FULL = Schedule("full", 14 * DAY, (0.5,), lambda day: day.weekday() == 6)
INCREMENTAL = Schedule("incremental", 7 * DAY, (1, 7, 13, 19), increment=True)


class Source:
    """One source's story; `failed` and `corrupted` hold times of runs, `lost` when every backup was found corrupt."""

    def __init__(self, agent, name, schedules, content, minutes, failed=(), corrupted=None, lost=None, rpo=24, drill=True, added=START - 90 * DAY, kind="sqlite"):
        self.kind, self.agent, self.name, self.schedules, self.rpo = kind, agent, name, schedules, rpo
        self.drill_passes, self.added = drill, added
        self.restored = days_before_end(8, 9.5) if failed else END + 1  # somebody mended the database that could not be backed up
        chance = random.Random(name)
        self.runs = []
        growth = content * 0.004
        for schedule in schedules:
            for start in schedule.occurrences(max(START - 40 * DAY, added), END):
                age = (start - START) / DAY
                size = content + growth * age + chance.uniform(0, growth * 2)
                if schedule.increment:
                    size = chance.uniform(2, 14) * MIB
                seconds = minutes * 60 * (0.08 if schedule.increment else 1) * chance.uniform(0.9, 1.25)
                good = start not in failed
                corrupt_at = corrupted[1] if corrupted and corrupted[0] == start else lost if lost and start < lost else None
                self.runs.append({"start": start, "end": start + seconds, "schedule": schedule, "good": good, "content": size,
                                  "size": size * 0.31, "corrupt_at": corrupt_at})
        self.runs.sort(key=lambda run: run["start"])

    def at(self, now):
        """All series of this source: (name, labels, value)."""
        if now < self.added:
            return
        ended = [run for run in self.runs if run["end"] <= now]
        last_good = next((run for run in reversed(ended) if run["good"]), None)
        # Only a good run prunes.
        stored = [run for run in ended if run["good"] and last_good["end"] - run["start"] < run["schedule"].keep]
        good = [run for run in stored if not (run["corrupt_at"] and run["corrupt_at"] <= now)]
        aside = [run for run in stored if run not in good]
        last, newest = ended[-1] if ended else None, good[-1] if good else None
        chain = self.chain(good)
        failures = 0
        for run in reversed(ended):
            if run["good"]:
                break
            failures += 1
        yield "last_success_timestamp_seconds", {}, newest["start"] if newest else 0
        yield "last_whole_success_timestamp_seconds", {}, newest["start"] if newest else 0
        yield "last_success_age_seconds", {}, now - newest["start"] if newest else math.inf
        yield "stored_bytes", {}, sum(run["size"] for run in stored)
        yield "last_backup_size_bytes", {}, stored[-1]["size"] if stored else 0
        yield "last_backup_content_bytes", {}, stored[-1]["content"] if stored else 0
        yield "restore_chain_backups", {}, len(chain)
        yield "restore_chain_bytes", {}, sum(run["size"] for run in chain)
        yield "checksum_failures_total", {}, sum(1 for run in self.runs if run["corrupt_at"] and run["corrupt_at"] <= now)
        yield "last_verification_timestamp_seconds", {}, max(last_good["end"], self.newest_daily(now, 4.5)) if last_good else 0
        yield "last_run_timestamp_seconds", {}, last["end"] if last else 0
        if last:  # what was never done has no success
            yield "last_run_success", {}, int(last["good"])
        going = [run for run in self.runs if run["start"] <= now < run["end"]]
        yield "run_start_timestamp_seconds", {}, going[0]["start"] if going else 0
        yield "consecutive_failures", {}, failures
        if self.kind == "postgres" and good:  # physical backups: each holds the WAL since the one before it
            yield "recovery_window_start_timestamp_seconds", {}, good[0]["end"]
            yield "recovery_window_end_timestamp_seconds", {}, max(good[0]["end"], good[-1]["start"])
            for store in ("local", "offsite"):  # a further store, whose copies are a run behind
                kept = good if store == "local" else good[:-1]
                yield "store_backups", {"store": store, "state": "good"}, len(kept)
                yield "store_stored_bytes", {"store": store}, sum(run["size"] for run in kept)
            yield "store_last_copy_timestamp_seconds", {"store": "offsite"}, good[-2]["start"] if len(good) > 1 else 0
            for result, count in (("success", len(good) - 1), ("failure", 0)):
                yield "copies_total", {"store": "offsite", "result": result}, max(count, 0)
            yield "three_two_one", {}, 1
            yield "store_owed_backups", {"store": "offsite"}, 1
            yield "store_owed_since_timestamp_seconds", {"store": "offsite"}, good[-1]["start"]
            yield "stream_up", {}, 1
            yield "stream_last_received_timestamp_seconds", {}, now - 5
            yield "stream_lag_bytes", {}, 1 << 20
            yield "stream_limit_bytes", {}, 1 << 34
            yield "stream_last_gap_timestamp_seconds", {}, 0
        yield "overdue_backups", {}, 0
        yield "future_backups", {}, 0
        restored = self.restored if self.restored <= now else 0
        yield "last_restore_timestamp_seconds", {}, restored
        if restored:
            yield "last_restore_success", {}, 1
        for result, count in (("success", int(restored > 0)), ("failure", 0)):
            yield "restores_total", {"result": result}, count
        for threshold, hours in (("warning", self.rpo), ("critical", 2 * self.rpo), ("emergency", 2 * self.rpo + 2)):
            yield "rpo_seconds", {"threshold": threshold}, hours * HOUR
        yield "source_info", {"kind": self.kind, "store": "local"}, 1
        yield "source_added_timestamp_seconds", {}, self.added
        took = last_good["end"] - last_good["start"] if last_good else 0
        for stage, share in (("capture", 0.55), ("verify", 0.42), ("prune", 0.03), ("copy", 0.2 if self.kind == "postgres" else 0)):
            yield "last_run_stage_duration_seconds", {"stage": stage}, took * share
        yield from self.checks(ended, now)
        yield from self.drills(now)
        for schedule in self.schedules + [Schedule("manual", DAY, ())]:
            yield from self.of_schedule(schedule, ended, good, aside, now)

    @staticmethod
    def newest_daily(now, hour):
        """When a daily chore of that hour was last done."""
        today = midnight(now) + hour * HOUR
        return today if today <= now else today - DAY

    @staticmethod
    def chain(good):
        """The newest good backup, and the increments and the full one before it."""
        links = []
        for run in reversed(good):
            links.append(run)
            if not run["schedule"].increment:
                break
        return links

    def of_schedule(self, schedule, ended, good, aside, now):
        mine = [run for run in ended if run["schedule"] is schedule]
        for state in STATES:
            held = {"good": good, "quarantined": aside}.get(state, [])
            yield "backups", {"schedule": schedule.name, "state": state}, sum(run["schedule"] is schedule for run in held)
        of_mine = [run["start"] for run in good if run["schedule"] is schedule]
        yield "schedule_last_success_timestamp_seconds", {"schedule": schedule.name}, of_mine[-1] if of_mine else 0
        for result in ("success", "failure", "skipped"):
            yield "runs_total", {"schedule": schedule.name, "result": result}, sum(run["good"] == (result == "success") for run in mine) if result != "skipped" else 0
        if not schedule.hours:
            return
        yield "missing_backups", {"schedule": schedule.name}, sum(not run["good"] and now - run["start"] < schedule.keep for run in mine) + sum(run["schedule"] is schedule for run in aside)
        yield "next_run_timestamp_seconds", {"schedule": schedule.name}, next(schedule.occurrences(now + 1, now + 40 * DAY))

    def checks(self, ended, now):
        rounds = len([run for run in ended if run["good"]]) + (now - START + 40 * DAY) // DAY
        found = sum(1 for run in self.runs if run["corrupt_at"] and run["corrupt_at"] <= now)
        for check in ("checksum", "encoding", "integrity"):
            yield "verifications_total", {"check": check, "result": "success"}, rounds
            yield "verifications_total", {"check": check, "result": "failure"}, found if check == "checksum" else 0

    def drills(self, now):
        """Every Wednesday at 05:00."""
        made = [day + 5 * HOUR for day in range(midnight(START - 14 * DAY), now, DAY) if local(day).weekday() == 2 and self.added < day + 5 * HOUR < now]
        passed = made if self.drill_passes else [time for time in made if time < END - 5 * DAY]
        for result, count in (("success", len(passed)), ("failure", len(made) - len(passed))):
            yield "drills_total", {"result": result}, count
        yield "last_drill_timestamp_seconds", {}, made[-1] + 60 if made else 0
        if not made:
            yield "last_drill_duration_seconds", {}, 0
            return
        yield "last_drill_success", {}, int(made[-1] == passed[-1])
        slow = random.Random(f"{self.name}{passed[-1]}").uniform(0.8, 1.2)
        yield "last_drill_duration_seconds", {}, 0.09 * (self.runs[-1]["end"] - self.runs[-1]["start"]) * slow + 6
