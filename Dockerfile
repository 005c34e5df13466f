# syntax=docker/dockerfile:1
# `docker build .` makes the production image. docker-compose.yml builds the stage `development`.

FROM rust:1.95-slim-bookworm AS build
# `compose` compiles a change faster and runs slower.
ARG PROFILE=release
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --locked --profile "$PROFILE" --bin roster && cp "target/$PROFILE/roster" /roster

FROM debian:bookworm-slim AS runtime
# Root certificates, to verify the mail server.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home roster
# With modes: in a clone under umask 077 only the owner can read a file.
COPY --from=build --chmod=0755 /roster /usr/local/bin/roster
COPY --chmod=0644 config/production.toml /etc/roster/default.toml
USER 10001
ENV ROSTER_CONFIG_DIR=/etc/roster ROSTER_ENV=production ROSTER_HEALTH_FILE=/tmp/roster-health
EXPOSE 8080 8443
STOPSIGNAL SIGTERM
# The start includes the wait for a database that is starting, of up to two minutes.
HEALTHCHECK --interval=5s --timeout=5s --start-period=150s CMD ["roster", "health"]
ENTRYPOINT ["roster"]
CMD ["serve"]

# A tenant with open signup, and a directory for the local certificate authority.
FROM runtime AS development
COPY --chmod=0644 config/tenants/dev.toml /etc/roster/tenants/dev.toml
USER root
RUN install --directory --owner=10001 /var/lib/roster /var/lib/roster/tls
USER 10001

FROM runtime AS production
