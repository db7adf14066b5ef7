# docker build -t why502 .
# docker run --rm -v "$PWD:/work:ro" why502
#
# Go compiles on this machine's platform for the one that is asked for: --platform linux/arm64. The classic builder
# knows neither and compiles for its own.
FROM --platform=${BUILDPLATFORM:-linux} golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=linux GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w" -o /why502 .

# The probe, too, copies this one file.
FROM scratch
LABEL org.opencontainers.image.title="why502" \
      org.opencontainers.image.description="says why the nginx of a Docker Compose project answers 502 or 504, or does not start"
COPY --from=build /why502 /why502
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/why502"]
