#!/bin/sh
set -e
: "${SITE:=plain}"

write() {
  envsubst '$API' < "/sites/$1.conf" > "/etc/nginx/conf.d/default.conf"
}

if [ -n "$TLS_DOMAIN" ]; then
  write tls
else
  write "$SITE"
fi

case "$API" in
  *:*) ;;
  *) echo "API needs a port" >&2; exit 1 ;;
esac

exec nginx -g 'daemon off;'
