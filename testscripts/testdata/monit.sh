# The Monit control file with the SysV script: started, found again after kill -9, stopped.
. ./lib.sh
quiet_root
cp "$EXAMPLES/web.init" /etc/init.d/web
with_monit "$EXAMPLES/web.monit"
await pid-alive --quiet -p /run/web/web.pid # Monit says OK of what it has not looked at yet
await monit_says web OK
first=$(cat /run/web/web.pid)
kill -9 "$first"
await succeeded /run/web/web.pid "$first"
await monit_says web OK
monit -c /run/monit/rc stop web
await test ! -e /run/web/web.pid
end_monit
