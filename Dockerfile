# syntax=docker/dockerfile:1
# The producer: trades of live venues into the data directory /data, or into Kinesis.
#
#   docker build -t penstock .
#   docker run -v penstock-data:/data penstock
#   docker run -v penstock-data:/data penstock produce --source kraken --symbol BTC-USD
#   docker run penstock produce --to kinesis --health-file /data/healthy --source kraken ...
#   docker run penstock consume --health-file /data/healthy
#
# Whoever deploys it should pin the base image by its digest as well.

FROM python:3.13-slim AS build
WORKDIR /build
# uv with its hashes, everything else with theirs from uv.lock.
COPY .ci/uv.txt .ci/uv.txt
RUN ["python", "-m", "pip", "install", "--no-cache-dir", "--require-hashes", "-r", ".ci/uv.txt"]
ENV UV_PROJECT_ENVIRONMENT=/opt/penstock \
    UV_PYTHON_DOWNLOADS=never \
    UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1
COPY pyproject.toml uv.lock README.md LICENSE ./
# The dependencies change less often than the source.
RUN ["uv", "sync", "--locked", "--no-default-groups", "--extra", "cli", "--extra", "live", "--extra", "aws", "--no-install-project"]
COPY src src
RUN ["uv", "sync", "--locked", "--no-default-groups", "--extra", "cli", "--extra", "live", "--extra", "aws", "--no-editable"]

FROM python:3.13-slim
LABEL org.opencontainers.image.title="penstock" \
      org.opencontainers.image.description="Takes exchanges' trades into a durable log" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN ["useradd", "--system", "--uid", "10001", "--home-dir", "/data", "--create-home", "penstock"]
COPY --from=build /opt/penstock /opt/penstock
ENV PATH=/opt/penstock/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001
WORKDIR /data
VOLUME ["/data"]
STOPSIGNAL SIGTERM
# The file is touched in every second in which data flows; a minute without is too long.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=2 \
    CMD ["python", "-c", "import os, sys, time; sys.exit(time.time() - os.stat('/data/healthy').st_mtime > 60)"]
ENTRYPOINT ["penstock"]
CMD ["produce", "--to", "local", "--data-dir", "/data", "--health-file", "/data/healthy", "--source", "simulated", "--rate", "1"]
