"""The services of a Compose file as sandboxes: what compose-up starts."""
import fcntl
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys

import yaml

SETTING = re.compile(r"\$\$|\$\{(\w+)(?::-([^${}]*))?\}")

# What the images bring along. A new volume takes the owner of the image's directory at that path; anywhere else it is root's.
OWNERS = {
    "/data": (9440, 9440), "/backups": (9440, 9440), "/var/lib/nexus-backup": (9440, 9440),
    "/prometheus": (65534, 65534), "/alertmanager": (65534, 65534), "/var/lib/grafana": (472, 0),
}
AGENT_USER = "9440:9440"
AGENT_VOLUMES = ["/backups", "/var/lib/nexus-backup"]
# An alert is repeated each second: the first one comes before Prometheus knows where the Alertmanager is.
PROGRAMS = {"prometheus": ["prometheus", "--rules.alert.resend-delay=1s"], "alertmanager": ["prometheus-alertmanager"]}
# Files whose intervals are too long for a test.
QUICK = ["prometheus.yml", "nexus-backup.rules.yml"]
# An address for each, so that what listens on 127.0.0.1 only is not reached by the others here either.
NAMES = "127.0.0.1 localhost\n127.0.0.11 agent\n127.0.0.12 prometheus\n127.0.0.13 alertmanager\n127.0.0.14 grafana\n"


def parse_yaml(text):
    return yaml.safe_load(text)


def read_yaml(path):
    return parse_yaml(path.read_text(encoding="utf-8"))


def raise_loopback():
    """As "ip link set lo up"; a new network begins with everything down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        up = 0x1
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", b"lo", up))    # SIOCSIFFLAGS


def interpolated(node, settings):
    """Every text with ${NAME} and ${NAME:-default} replaced as Compose does."""
    if isinstance(node, dict):
        return {key: interpolated(value, settings) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, settings) for value in node]
    if not isinstance(node, str):
        return node
    text = SETTING.sub(lambda found: "\0" if found[0] == "$$" else settings.get(found[1]) or found[2] or "", node)
    if "$" in text:
        sys.exit(f"FAILED: a setting that is not understood: {node}")
    return text.replace("\0", "$")


def read(repository, file, settings, work, agent):
    document = interpolated(read_yaml(file), settings)
    (work / "hosts").write_text(NAMES)
    return {name: Service(name, description, document["volumes"], repository, file.parent, work, agent)
            for name, description in document["services"].items()}


class Service:
    def __init__(self, name, description, volumes, repository, home, work, agent):
        self.name, self.description, self.work = name, description, work
        self.repository, self.home, self.agent = repository, home, agent
        self.is_agent = description["image"] == "nexus-backup"
        self.dependencies = {other: rule["condition"] for other, rule in description.get("depends_on", {}).items()}
        self.mounts = [self._mount(volume.split(":"), volumes) for volume in description.get("volumes", [])]
        if self.is_agent:
            self._mount_rest()
        self.healthcheck = description.get("healthcheck", {}).get("test") or (["CMD", "bash", "/check/health"] if self.is_agent else None)
        program = ["nexus-backup"] if self.is_agent else PROGRAMS.get(name, ["sleep", "infinity"])
        self.command = [*description.get("entrypoint", program), *description.get("command", [] if "entrypoint" in description else self._default())]

    def start(self):
        with open(self.work / f"{self.name}.log", "w", encoding="utf-8") as log:
            return subprocess.Popen(self._sandboxed(self.command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def run(self, command):
        """A command beside the service, as "docker compose exec"."""
        return subprocess.run(self._sandboxed(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120)

    def healthy(self):
        # The images' wget is busybox's.
        command = ["busybox", *self.healthcheck[1:]] if self.healthcheck[1] == "wget" else self.healthcheck[1:]
        return self.run(command).returncode == 0

    def log(self):
        return (self.work / f"{self.name}.log").read_text(encoding="utf-8")

    def _default(self):
        return ["run"] if self.is_agent else []

    def _mount(self, parts, volumes):
        source, target, *mode = parts
        if not source.startswith((".", "/")):
            if source not in volumes:
                sys.exit(f"FAILED: {self.name}: the volume {source} is not declared")
            return self._volume(source, target)
        path = (self.home / source).resolve()
        if not path.exists():
            sys.exit(f"FAILED: {self.name}: {source} is not there")
        return self._quick(path), target, "ro" in mode

    def _mount_rest(self):
        """A volume of the image that nobody mounts is made for the one container, and lost with it."""
        for target in set(AGENT_VOLUMES) - {mount[1] for mount in self.mounts}:
            if self.description["restart"] != "no":
                sys.exit(f"FAILED: {self.name}: what it writes to {target} would be lost")
            self.mounts.append(self._volume(f"{self.name}{target.replace('/', '-')}", target))

    def _volume(self, name, target):
        path = self.work / "volumes" / name
        if not path.exists():
            path.mkdir(parents=True)
            path.chmod(0o750 if target in OWNERS else 0o755)
            os.chown(path, *OWNERS.get(target, (0, 0)))
        return path, target, False

    def _quick(self, path):
        """Prometheus asks every 30 s and evaluates the alerts every 4 min, which is long for a test: copies say each second."""
        if path.name not in QUICK:
            return path
        text, count = re.subn(r"(interval: )[0-9]+[sm]\b", r"\g<1>1s", path.read_text(encoding="utf-8"))
        if count == 0:
            sys.exit(f"FAILED: no interval in {path}")
        copy = self.work / path.name
        copy.write_text(text, encoding="utf-8")
        return copy

    def _sandboxed(self, command):
        user, group = self.description.get("user", AGENT_USER).split(":")
        dotnet = pathlib.Path(os.path.realpath(shutil.which("dotnet"))).parent
        binds = [(self.work / "hosts", "/etc/hosts", True), *self.mounts]
        arguments = ["bwrap", "--die-with-parent", "--unshare-pid", "--clearenv"]
        for key, value in {"PATH": "/opt/nexus-backup:/usr/bin:/usr/sbin", "HOME": "/var/lib/nexus-backup", "DOTNET_ROOT": str(dotnet),
                           "DOTNET_EnableDiagnostics": "0", **self.description.get("environment", {})}.items():
            arguments += ["--setenv", key, value]
        arguments += ["--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev"]
        for link in ["bin", "sbin", "lib", "lib64"]:
            arguments += ["--symlink", f"usr/{link}", f"/{link}"]
        if not dotnet.is_relative_to("/usr"):
            binds.append((dotnet, str(dotnet), True))
        if self.is_agent:
            binds += [(self.agent, "/opt/nexus-backup", True), (self.repository / "deploy/container/health", "/check/health", True)]
        if self.name == "grafana":
            binds.append((self.repository / "tests/deploy/compose_grafana.py", "/check/compose_grafana.py", True))
        for path in self.description.get("tmpfs", []):
            arguments += ["--perms", "1777", "--tmpfs", path]
        # Outer ones first, as an engine sorts them; directories on the way are root's, and everybody may pass.
        for source, target, read_only in sorted(binds, key=lambda bind: bind[1]):
            for parent in reversed(pathlib.PurePath(target).parents[:-1]):
                arguments += ["--perms", "0755", "--dir", str(parent)]
            arguments += ["--ro-bind" if read_only else "--bind", str(source), target]
        if self.description.get("read_only"):
            arguments += ["--remount-ro", "/"]
        # The last steps of an engine: no capability is left, and the user is the service's.
        arguments += ["--cap-drop", "ALL", "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_SETPCAP", "--",
                      "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        return [*arguments, *command]
