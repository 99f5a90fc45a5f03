# The one image of Satscope: `docker build -t satscope .`; compose runs every part from it.
#
# BINARY names where the binary comes from: the stage `build` below, or any image that holds /satscope
# (`docker build --build-arg BINARY=IMAGE .`), so that what is built and tested already is not built again.
ARG BINARY=build

# Every manifest with an empty crate behind it: this stage's files change only when a dependency does.
FROM rust:1.95-bookworm AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name Cargo.toml ! -name Cargo.lock ! -path './benches/*' -delete \
 && find benches -name '*.rs' -exec sh -c 'echo "fn main() {}" > "$1"' - {} ';' \
 && find . -mindepth 2 -name Cargo.toml -execdir mkdir -p src ';' -execdir touch src/lib.rs ';' \
 && mkdir -p src && echo 'fn main() {}' > src/main.rs \
 && for crate in $(grep -rl --include=Cargo.toml '^\[build-dependencies' .); do cp src/main.rs "${crate%/*}/build.rs"; done

FROM rust:1.95-bookworm AS build
WORKDIR /src
# One arena, and what is free goes back within half a second: a part allocates in bursts, not in parallel.
ENV JEMALLOC_SYS_WITH_MALLOC_CONF=narenas:1,dirty_decay_ms:500,muzzy_decay_ms:0
COPY --from=manifests /src .
RUN cargo build --release --locked --features jemalloc --bin satscope
COPY . .
# The commit, for --version: there is no repository in here to ask.
ARG REVISION
# Cargo goes by time stamps, and the sources are older than the empty crates that they replace.
RUN find . -name '*.rs' -not -path './target/*' -exec touch {} + \
 && BUILD_COMMIT=$REVISION cargo build --release --locked --features jemalloc --bin satscope \
 && strip --strip-debug -o /satscope target/release/satscope

FROM ${BINARY} AS binary

# Nothing but the binary: apt itself needs libstdc++, so that every Debian image has it.
FROM debian:bookworm-slim
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="Satscope" \
      org.opencontainers.image.description="A live BTC/USD price, read out of Bitcoin's own transactions and nothing else." \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=binary /satscope /usr/local/bin/satscope
# Runs the binary once, so that a library it lacks fails the build; /run/node is for a node's login, /var/lib/bitcoin for
# what a node keeps, /var/lib/satscope for ingest's journal, the analyzer's last price or the historian's files, whichever user
# it runs as.
RUN satscope --version && install -d -o 10001 -g 10001 -m 0700 /run/node /var/lib/bitcoin && install -d -m 1777 /var/lib/satscope
# Inside a container all addresses are the container's own; what is published is up to `docker run -p`.
ENV SATSCOPE_STATE_DIR=/var/lib/satscope \
    SATSCOPE_GATEWAY_LISTEN=0.0.0.0:8000 \
    SATSCOPE_INGEST_LISTEN=0.0.0.0:50051 \
    SATSCOPE_ANALYZER_LISTEN=0.0.0.0:50052 \
    SATSCOPE_HISTORIAN_LISTEN=0.0.0.0:50053
# A satscope.toml mounted here is read.
WORKDIR /etc/satscope
USER 10001:10001
STOPSIGNAL SIGTERM
EXPOSE 8000 50051 50052 50053
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["satscope", "health"]
ENTRYPOINT ["satscope"]
