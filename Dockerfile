# MIRAGE with the atlas that ships, ready to be opened: `docker build -t mirage .`, then deploy/compose.yaml or docs/hosting.md.
# No Docker engine has run this file yet: a test runs the same steps in a bare folder (tests/test_container.py).

FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY src ./src
# Extras, as `postgres,qdrant,s3,oidc`: docker build --build-arg EXTRAS=postgres .
ARG EXTRAS=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# The starter atlas is built here, so that the first visitor does not wait for it; it is only read from then on.
RUN python -m venv /opt/mirage \
    && /opt/mirage/bin/python -m pip install --quiet "/src${EXTRAS:+[$EXTRAS]}" \
    && /opt/mirage/bin/mirage add starter --atlas /opt/atlas

FROM python:3.12-slim
COPY --from=build /opt/mirage /opt/mirage
COPY --from=build /opt/atlas /opt/atlas
# Whoever runs it may be any user: what is written lies in /data and in the temporary folder alone.
RUN useradd --system --uid 10001 --user-group --no-create-home --home-dir /data mirage \
    && mkdir /data \
    && chown mirage:mirage /data
USER 10001:10001
ENV PATH=/opt/mirage/bin:$PATH \
    HOME=/data \
    XDG_DATA_HOME=/data \
    XDG_CACHE_HOME=/tmp/cache \
    PYTHONDONTWRITEBYTECODE=1 \
    MIRAGE_ATLAS=/opt/atlas \
    MIRAGE_HOST=0.0.0.0 \
    MIRAGE_PORT=8000
WORKDIR /data
VOLUME /data
EXPOSE 8000
# Never by a proxy, whatever the environment names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as ask; ask.build_opener(ask.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['MIRAGE_PORT'] + '/healthz', timeout=4)"]
CMD ["mirage", "serve"]
