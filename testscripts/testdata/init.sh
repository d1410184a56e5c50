# The SysV script under $SHELL_UNDER_TEST: its statuses are the LSB's, and a second start or stop changes nothing.
. ./lib.sh
quiet_root
service() { "$SHELL_UNDER_TEST" "$EXAMPLES/web.init" "$@"; }

expect 3 service status
expect 0 service start
first=$(cat /run/web/web.pid)
expect 0 service start
[ "$(cat /run/web/web.pid)" = "$first" ]
expect 0 service status
expect 0 wait-healthy --once --url http://127.0.0.1:8080/
expect 0 service restart
[ "$(cat /run/web/web.pid)" != "$first" ]
expect 0 service stop
expect 0 service stop
expect 3 service status
expect 2 service
expect 0 service start
kill -9 "$(cat /run/web/web.pid)"
await sh -c '! pid-alive --quiet -p /run/web/web.pid'
expect 1 service status
expect 0 service start
expect 0 service stop
