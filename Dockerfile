# docker build -t why502 .
# docker run --rm -v "$PWD:$PWD:ro" -w "$PWD" why502
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /why502 .

FROM scratch
COPY --from=build /why502 /why502
USER 65532:65532
WORKDIR /work
ENTRYPOINT ["/why502"]
