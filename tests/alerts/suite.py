"""The alert rules and their promtool tests, cut down to what one rule needs."""
import functools
import glob
import json
import os
import re
import subprocess

import yaml

LEVELLESS = "-"


class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
    """Reads YAML as promtool does: 0x10 is ten more samples of 0 and no sixteen."""

    yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:int"] for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^-?\d+$"), list("-0123456789"))


def read(path):
    """A YAML file."""
    with open(path, encoding="utf-8") as file:
        return yaml.load(file, Loader)


def answers(rules):
    """The annotations that ask Prometheus for more than the alert's own series."""
    return {name for rule in rules for name, text in rule.get("annotations", {}).items() if "| query" in text}


def without(names, annotations):
    return {name: text for name, text in annotations.items() if name not in names}


class Rules:
    """The rules of a file, and which of them a rule needs or serves.

    What annotations ask of Prometheus is left out here: it has no say in when an alert fires, and each rule would need
    nearly all records for it. The tests that are run whole hold it.
    """

    def __init__(self, path):
        # In the tests' group_eval_order: what alerts are made of before them.
        self.all = sorted((rule for group in read(path)["groups"] for rule in group["rules"]), key=lambda rule: "alert" in rule)
        self.answers = answers(self.all)
        for rule in self.all:
            if "alert" in rule:
                rule["annotations"] = without(self.answers, rule["annotations"])
        self.needs, self.reads = {}, {}  # of each rule, by its id: asked again for every test
        self.records = {}  # two rules may make one record, each a part of it
        for rule in self.all:
            if "record" in rule:
                self.records.setdefault(rule["record"], []).append(rule)

    def needed_by(self, rule):
        """The names of the records that a rule is made of, through other records too."""
        if id(rule) not in self.needs:
            self.needs[id(rule)] = self._needed_by(rule)
        return self.needs[id(rule)]

    def _needed_by(self, rule):
        parts = [rule["expr"] for rule in self.records.get(rule.get("record"), [rule])]
        names = [name for name in self.records if any(name in words(part) for part in parts) and name != rule.get("record")]
        return set(names).union(*(self.needed_by(self.records[name][0]) for name in names))

    def alerts_of(self, rule):
        """The alerts that a rule has a say in: itself, or those that are made of it."""
        if "alert" in rule:
            return [rule]
        if "ALERTS" in rule["expr"]:
            return [other for other in self.all if "alert" in other]
        return [other for other in self.all if "alert" in other and rule["record"] in self.needed_by(other)]

    def around(self, rule, group):
        """What has to be evaluated to see what a rule does in a test, in the file's order: alerts without a series there can't fire."""
        given = {metric(series) for series in group["input_series"]}
        served = {alert["alert"] for alert in self.alerts_of(rule)}
        alerts = [other for other in self.all if other.get("alert") in served and self._can_fire(other, given)]
        records = set().union(*(self.needed_by(other) for other in alerts), self.needed_by(rule), {rule.get("record")}) - {None}
        return [other for other in self.all if other in alerts or other.get("record") in records]

    def _can_fire(self, alert, given):
        if id(alert) not in self.reads:
            self.reads[id(alert)] = names(alert["expr"]).union(*(names(part["expr"]) - {"up"} for name in self.needed_by(alert) for part in self.records[name]))
        return bool(self.reads[id(alert)] & given) or re.search(r"\b(absent|vector)\b", alert["expr"])


@functools.cache
def words(expression):
    """Names with their colons, as records have them."""
    return frozenset(re.findall(r"[\w:]+", expression))


def title(rule):
    """NexusBackupStale/L1, or a record's name with its own labels."""
    return rule["record"] + "".join(f"/{value}" for value in rule.get("labels", {}).values()) if "record" in rule else f"{rule['alert']}/{rule['labels'].get('level', LEVELLESS)}"


def read_tests(directory):
    """Every group of every *.test.yml, with its file's evaluation interval."""
    groups = []
    for path in sorted(glob.glob(os.path.join(directory, "*.test.yml"))):
        document = read(path) or {"tests": []}  # promtool passes an empty file too
        groups += [(document["evaluation_interval"], group) for group in document["tests"]]
    return groups


class Test:
    """A test group as far as it speaks of some rules."""

    def __init__(self, interval, group, rules, checks, samples):
        self.name, self.rules = group["name"], rules
        self.fires = any(check["exp_alerts"] for check in checks) or any(check["exp_samples"] for check in samples)
        self.evaluations = max(seconds(check["eval_time"]) for check in checks + samples) / seconds(interval)
        read = set().union(*(names(rule["expr"]) for rule in rules))
        series = [one for one in group["input_series"] if metric(one) in read]
        document = {**group, "input_series": series, "alert_rule_test": checks, "promql_expr_test": samples}
        self.text = json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": interval, "tests": [document]}, default=str)


def seconds(duration):
    """Of a duration as in 1d2h30m."""
    return sum(float(count) * {"s": 1, "m": 60, "h": 3600, "d": 86400}[unit] for count, unit in re.findall(r"(\d+)([smhd])", duration))


@functools.cache
def names(expression):
    """Metrics, records and words of an expression."""
    return frozenset(re.findall(r"[A-Za-z_:][\w:]*", expression))


def metric(series):
    """The metric of an input series."""
    return named(series["series"])


@functools.cache
def named(series):
    return re.match(r"[\w:]+", series).group()


def cut(interval, group, rule, rules):
    """What a test group says of a rule; None if it says nothing."""
    if "ALERTS" in rule["expr"] and not any(rule["record"] in names(check["expr"]) for check in group.get("promql_expr_test", [])):
        return None
    around = rules.around(rule, group)
    alerts = {other["alert"] for other in around if "alert" in other}
    records = {other["record"] for other in around if "record" in other}
    checks = [shortened(check, rules.answers) for check in group.get("alert_rule_test", []) if check["alertname"] in alerts]
    samples = []
    for check in group.get("promql_expr_test", []):
        if "ALERTS" in check["expr"] and alerts:
            expected = [sample for sample in check["exp_samples"] if re.search(r'alertname="(\w+)"', sample["labels"]).group(1) in alerts]
            samples.append({**check, "exp_samples": expected})
        elif names(check["expr"]) & records:
            samples.append(check)
    return Test(interval, group, around, checks, samples) if checks or samples else None


def shortened(check, left_out):
    """A test of an alert's text without some annotations."""
    expected = [{**alert, "exp_annotations": without(left_out, alert["exp_annotations"])} for alert in check["exp_alerts"]]
    return {**check, "exp_alerts": expected}


def passes(directory, test, rule=None, mutant=None):
    """Whether the rules pass a test, with a mutant in the place of one of them."""
    rules = [mutant if other is rule else other for other in test.rules]
    for name, text in (("rules.yml", json.dumps({"groups": [{"name": "mutated", "rules": rules}]})), ("test.yml", test.text)):
        with open(os.path.join(directory, name), "w", encoding="utf-8") as file:
            file.write(text)
    command = ["promtool", "test", "rules", os.path.join(directory, "test.yml")]
    # Hundreds of short processes, one for each core: their garbage and their threads are not worth the trouble.
    environment = {**os.environ, "GOGC": "400", "GOMAXPROCS": "1", "TMPDIR": directory}
    return subprocess.run(command, capture_output=True, check=False, env=environment).returncode == 0
