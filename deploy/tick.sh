#!/usr/bin/env bash
# One tick for cron. It writes to a log, tries again while another run is at work, and fails, with
# the end of the log on the screen for cron's mail, only if a person has to look:
#   15 5 * * 1  /srv/bikes/deploy/tick.sh
# KEDRO_ENV               problem and deployment, by default bike_hourly,production
# LIFECYCLE_TICK_COMMAND  by default .venv/bin/kedro tick --env=$KEDRO_ENV
# LIFECYCLE_TICK_LOG      by default tick.log in the project
# LIFECYCLE_ENV_FILE      file of NAME=value lines that the tick needs; cron knows no others
set -u
cd "$(dirname "$0")/.." || exit 1
if [ -n "${LIFECYCLE_ENV_FILE:-}" ]; then
  set -a
  # shellcheck disable=SC1090
  . "$LIFECYCLE_ENV_FILE" || exit 1
  set +a
fi
read -r -a command <<<"${LIFECYCLE_TICK_COMMAND:-.venv/bin/kedro tick --env=${KEDRO_ENV:-bike_hourly,production}}"
log=${LIFECYCLE_TICK_LOG:-tick.log}

# Each try waits for the other run by itself, ten minutes by default.
for _ in 1 2 3; do
  printf '%s begin\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" >>"$log"
  "${command[@]}" >>"$log" 2>&1
  code=$?
  printf '%s end, exit code %s\n' "$(date '+%Y-%m-%dT%H:%M:%S%z')" "$code" >>"$log"
  [ "$code" -eq 75 ] || break
done

case $code in
  # Nothing to do, an alert, a promotion, a refusal, a question: alerts are told by the tick itself.
  0 | 10 | 20 | 21 | 22) exit 0 ;;
esac
tail -n 40 "$log"
exit "$code"
