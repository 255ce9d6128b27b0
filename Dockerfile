# The agent as a container image. How to build and run it: docs/container.md.
ARG SDK_IMAGE=mcr.microsoft.com/dotnet/sdk:10.0
ARG RUNTIME_IMAGE=mcr.microsoft.com/dotnet/runtime-deps:10.0

# The compiler runs on the builder's own processor and makes machine code for the target's: no emulation.
FROM --platform=${BUILDPLATFORM} ${SDK_IMAGE} AS build
ARG TARGETARCH
WORKDIR /source

# gcc links. "amd64" is "x64" to .NET. Without a target the builder's own architecture is meant.
RUN own="$(dpkg --print-architecture)"; target="${TARGETARCH:-${own}}"; \
    case "${target}" in \
      amd64) echo linux-x64 > /runtime-identifier; compiler=x86_64-linux-gnu-gcc; packages="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;; \
      arm64) echo linux-arm64 > /runtime-identifier; compiler=aarch64-linux-gnu-gcc; packages="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;; \
      *) echo "No build for the architecture ${target}; build for amd64 or arm64." >&2; exit 1 ;; \
    esac; \
    if [ "${target}" = "${own}" ]; then compiler=gcc; packages="gcc libc6-dev"; fi; \
    echo "${compiler}" > /compiler; \
    apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends ${packages} \
 && rm -rf /var/lib/apt/lists/*

# Only what decides the packages: this layer stays cached until a package changes.
COPY src/Directory.Build.props src/Directory.Packages.props src/
COPY src/NexusBackupAgent/NexusBackupAgent.csproj src/NexusBackupAgent/
RUN dotnet restore src/NexusBackupAgent --runtime "$(cat /runtime-identifier)" -p:_IsPublishing=true

COPY . .
# The commit, which --version and the metric build_info tell: git's own files are not sent to the builder.
ARG SOURCE_REVISION=
RUN dotnet publish src/NexusBackupAgent --no-restore --configuration Release --runtime "$(cat /runtime-identifier)" \
      -p:CppCompilerAndLinker="$(cat /compiler)" -p:SourceRevisionId="${SOURCE_REVISION}" -p:ShipDocuments=false --output /app


FROM ${RUNTIME_IMAGE} AS root

# libdeflate compresses and inflates about twice as fast as .NET's zlib.
# tini passes the agent the signals and reaps what the tools that it starts leave behind.
# The agent speaks for itself: it needs neither ICU nor translations, and nobody reads manuals in here.
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends \
      ca-certificates libdeflate0 tini tzdata \
 && dpkg-query --show --showformat '${Package}\n' 'libicu*' 2>/dev/null | xargs --no-run-if-empty apt-get purge --yes \
 && find /usr/share/doc -type f ! -name copyright -delete \
 && rm -rf /usr/share/man /usr/share/locale /usr/share/info /var/cache/apt /var/cache/debconf /var/lib/apt/lists /var/log/*


# One layer: what was removed above takes no room below.
FROM scratch
COPY --from=root / /
ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# A fixed number, so that the owner of mounted directories can be set before the first start.
ARG AGENT_UID=9440
RUN groupadd --gid "${AGENT_UID}" nexus-backup \
 && useradd --uid "${AGENT_UID}" --gid "${AGENT_UID}" --no-create-home --home-dir /var/lib/nexus-backup \
      --shell /usr/sbin/nologin nexus-backup \
 && install -d -m 0755 /etc/nexus-backup \
 && install -d -m 0700 -o "${AGENT_UID}" -g "${AGENT_UID}" /var/lib/nexus-backup \
 && install -d -m 0750 -o "${AGENT_UID}" -g "${AGENT_UID}" /backups /data

COPY --from=build /app /opt/nexus-backup
COPY deploy/container/health /usr/local/bin/nexus-backup-health
RUN ln -s /opt/nexus-backup/nexus-backup /usr/local/bin/nexus-backup

ENV HOME=/var/lib/nexus-backup
LABEL org.opencontainers.image.title="Nexus Backup Agent" \
      org.opencontainers.image.description="Scheduled, verified backups with metrics" \
      org.opencontainers.image.licenses="MIT"

# By number: an orchestrator that forbids root cannot look a name up.
USER ${AGENT_UID}:${AGENT_UID}
WORKDIR /var/lib/nexus-backup
VOLUME ["/var/lib/nexus-backup", "/backups"]
EXPOSE 9440
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["nexus-backup-health"]
# -s: reap also where an engine's own first process stands above tini.
ENTRYPOINT ["tini", "-s", "--", "nexus-backup"]
CMD ["run"]
