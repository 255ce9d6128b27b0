"""Stands in Grafana's place, as its user, among its files: reads what Grafana reads at its start, and asks its data source.

Ends with one line of what was found, or with the first thing that Grafana would not find."""
import json
import os
import pathlib
import urllib.request

import yaml

PROVISIONING = pathlib.Path("/etc/grafana/provisioning")


def only(folder, key):
    files = sorted((PROVISIONING / folder).glob("*.y*ml"))
    assert len(files) == 1, f"{PROVISIONING / folder} holds {files}"
    document = yaml.safe_load(files[0].read_text(encoding="utf-8"))
    assert document["apiVersion"] == 1 and len(document[key]) == 1, f"{files[0]}: {document}"
    return document[key][0]


source = only("datasources", "datasources")
with urllib.request.urlopen(f"{source['url']}/api/v1/query?query=up%7Bjob=%22nexus-backup%22%7D", timeout=5) as answer:
    values = [series["value"][1] for series in json.load(answer)["data"]["result"]]
assert source["access"] == "proxy" and values == ["1"], f"{source['url']} knows {values}"

folder = pathlib.Path(only("dashboards", "providers")["options"]["path"])
dashboards = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("**/*.json"))}
assert dashboards, f"no dashboard in {folder}"
assert sorted(board["uid"] for board in dashboards.values()) == ["nexus-backup-overview", "nexus-backup-source"], list(dashboards)
for path, board in dashboards.items():
    asked = [variable for variable in board["templating"]["list"] if variable["type"] == "datasource"]
    assert [variable["query"] for variable in asked] == [source["type"]], f"{path} asks for another kind of data source"
assert pathlib.Path(os.environ["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]) in dashboards, "the home dashboard is not there"
(pathlib.Path("/var/lib/grafana") / "grafana.db").touch()
titles = ", ".join(board["title"] for board in dashboards.values())
print(f"Grafana finds {titles}, and its data source answers")
