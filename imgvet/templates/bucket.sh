#!/bin/sh
# Moves what a plan of imgvet removes within its bucket, below {{ prefix }}, by the AWS command line.
#   sh {{ name }}          shows what it would do
#   sh {{ name }} --yes    does it
#   sh {{ name }} --undo   brings it back; an object that is there is not overwritten
# Objects may have changed since the plan: manifest.csv beside it has their sizes and digests.
set -eu
mode="${1:-}"
move() { # endpoint bucket from to
  if [ "$mode" != --yes ] && [ "$mode" != --undo ]; then
    printf '%s -> %s\n' "s3://$2/$3" "s3://$2/$4"
    return
  fi
  if [ "$mode" = --undo ]; then set -- "$1" "$2" "$4" "$3"; fi
  if there=$(aws $1 s3api head-object --bucket "$2" --key "$4" 2>&1); then
    printf 'left, as there is one: %s\n' "s3://$2/$4" >&2
    return
  fi
  case "$there" in *404*) ;; *) printf '%s\n' "$there" >&2; exit 1 ;; esac
  aws $1 s3 mv "s3://$2/$3" "s3://$2/$4"
}
{% for parts in moves %}
move {{ parts|join(" ") }}
{% endfor %}
