# One image for the four services and for `pakn provision`; docker-compose.yml and deploy/kubernetes say which one a container runs.

FROM python:3.13-slim-bookworm AS build
RUN python -m venv /opt/pakn
ENV PATH=/opt/pakn/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
# The libraries change less often than our code, so they are a layer of their own. Every file is checked against its hash.
COPY requirements.image.lock ./
RUN pip install --require-hashes --no-deps --requirement requirements.image.lock
COPY pyproject.toml README.md ./
COPY schemas schemas
COPY packs packs
COPY pakn pakn
COPY services services
# The lock holds the build tool too, so that nothing is downloaded here; what only builds or installs is not shipped.
RUN pip install --no-deps --no-build-isolation . \
 && python -m compileall -q /opt/pakn/lib \
 && pip uninstall --yes --quiet hatchling trove-classifiers pathspec pluggy pip

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin pakn
COPY --from=build /opt/pakn /opt/pakn
# Every container serves its pages on the same port; outside a container each service has a port of its own.
ENV PATH=/opt/pakn/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PAKN_HTTP__HOST=0.0.0.0 PAKN_HTTP__PORT=8000
USER 10001:10001
WORKDIR /tmp
EXPOSE 8000
# The slim image has no curl. Anything but an answer of 2xx raises, and a raised error is exit code 1.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ['PAKN_HTTP__PORT'] + '/ready', timeout=4)"]
ENTRYPOINT ["pakn"]
