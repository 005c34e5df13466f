# syntax=docker/dockerfile:1
FROM rust:1.95-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry --mount=type=cache,target=/src/target \
    cargo build --release --locked && cp target/release/roster /roster

FROM debian:bookworm-slim
# Root certificates, to verify the mail server.
RUN apt-get update && apt-get install --yes --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --no-create-home roster
COPY --from=build /roster /usr/local/bin/roster
COPY config /etc/roster
USER 10001
ENV ROSTER_CONFIG_DIR=/etc/roster ROSTER_ENV=production ROSTER__SERVER__HTTP=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["roster", "health"]
ENTRYPOINT ["roster"]
CMD ["serve"]
