# Two images from one file:
#   docker build --target bot -t autodev .          the bot: `docker run autodev serve`
#   docker build --target job -t autodev-job .      what an agent's CI job runs in
# What the steps do stands in deploy/docker/*.sh, which test/repo/docker.test.ts runs without an engine.
#
# The base image is pinned by tag only: its digest has to be looked up in a registry. To pin it,
# append @sha256:… as printed by `docker buildx imagetools inspect node:24.21.0-bookworm-slim`.
FROM node:24.21.0-bookworm-slim AS base
WORKDIR /src

FROM base AS build
COPY package.json package-lock.json .npmrc ./
COPY deploy/docker/install.sh deploy/docker/
RUN deploy/docker/install.sh
COPY . .
RUN deploy/docker/assemble.sh /out && deploy/docker/prune.sh /out/bot

FROM base AS bot
ENV NODE_ENV=production AUTODEV_DATA_DIR=/var/lib/autodev PORT=8080
RUN mkdir -p /var/lib/autodev && chown node:node /var/lib/autodev
WORKDIR /opt/autodev
COPY --from=build /out/bot ./
USER node
VOLUME /var/lib/autodev
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "deploy/docker/healthcheck.mjs"]
# Its first line names Node's options.
ENTRYPOINT ["dist/autodev.mjs"]
CMD ["serve"]

# No entry point: a runner starts the job's script with a shell of its own.
FROM base AS job
COPY deploy/docker/packages.sh /tmp/packages.sh
RUN /tmp/packages.sh bash bubblewrap ca-certificates git ripgrep && rm /tmp/packages.sh
COPY --from=build /out/job /opt/autodev-job
RUN ln -s /opt/autodev-job/autodev-job.mjs /usr/local/bin/autodev-job
WORKDIR /builds
RUN chown node:node /builds
USER node
HEALTHCHECK NONE
CMD ["bash"]
