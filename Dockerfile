# Two stages: the first builds the environment from uv.lock, the second has neither compiler nor uv.
FROM python:3.11-slim AS build
WORKDIR /src
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_PROJECT_ENVIRONMENT=/opt/reelgate UV_PYTHON_DOWNLOADS=never UV_COMPILE_BYTECODE=1
COPY pyproject.toml uv.lock README.md LICENSE ./
# The dependencies in a layer of their own: they change less often than the code.
RUN uv sync --frozen --no-dev --extra otel --no-install-project
COPY src ./src
RUN uv sync --frozen --no-dev --extra otel --no-editable

FROM python:3.11-slim
RUN useradd --create-home --uid 10001 reelgate && install -d -m 700 -o reelgate /data /data/videos
COPY --from=build /opt/reelgate /opt/reelgate
COPY scripts/docker-entrypoint /usr/local/bin/docker-entrypoint
ENV PATH=/opt/reelgate/bin:$PATH REELGATE_DATA_DIR=/data REELGATE_HOST=0.0.0.0 REELGATE_LOG_FORMAT=json
# By its number: Kubernetes cannot tell from a name that it is not root.
USER 10001
WORKDIR /home/reelgate
# No VOLUME: some platforms refuse to build it. Mount what must stay at /data.
EXPOSE 8000
# SIGTERM hands the jobs over and answers those who wait.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD \
    ["python", "-c", "import os, urllib.request; urllib.request.urlopen(f\"http://127.0.0.1:{os.environ.get('REELGATE_PORT') or os.environ.get('PORT') or 8000}/health\")"]
ENTRYPOINT ["sh", "/usr/local/bin/docker-entrypoint"]
CMD ["reelgate", "serve"]
