# The app's image: Chainlit and `app.py`, without vLLM. `docker compose up` builds it; docs/docker.md says more.
# It runs as a plain user on a read-only root file system; only /tmp needs to be writable.
FROM python:3.11.14-slim-bookworm

WORKDIR /app
# First the packages alone: an image layer that changes only when the lock does. Every file is checked by its hash.
# Three packages (cuid, literalai, syncer) come as source only: the image's own setuptools build them, not some that are
# downloaded without a hash.
COPY requirements.lock .
RUN pip install --no-cache-dir --no-build-isolation --require-hashes -r requirements.lock

# What else comes along is listed in .dockerignore.
COPY . .
# Chainlit creates `.files` when it is imported and copies its translations into `.chainlit` when it starts: do both
# now, as neither is possible later. `chmod`: a checkout made under a strict umask must be readable to the user below.
RUN python -c "from chainlit.config import init_config; init_config()" && chmod -R a+rX .

# All that sets this app apart from the one that `make demo` starts. HOME: the user has none, and libraries look there.
ENV CHAINLIT_HOST=0.0.0.0 \
    CHAINLIT_PORT=8080 \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
EXPOSE 8080
CMD ["python", "-m", "chainlit", "run", "app.py", "--headless"]
