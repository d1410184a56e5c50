# The cron line: while one backup runs, the next does not start, and says nothing.
. ./lib.sh
quiet_root
mount -t tmpfs none /usr/local/sbin
cat >/usr/local/sbin/backup <<'END'
#!/bin/sh
echo start >>/run/log
while [ ! -e /run/go-on ]; do /bin/sleep 0.05; done
END
chmod 755 /usr/local/sbin/backup
line=$(sed -n 's,^\*/5 \* \* \* \* root ,,p' "$EXAMPLES/backup.cron")
[ -n "$line" ]
path=$(sed -n 's,^PATH=,,p' "$EXAMPLES/backup.cron")
cron() { env -i HOME=/root LOGNAME=root SHELL=/bin/sh PATH="${path:-/usr/bin:/bin}" /bin/sh -c "$line"; }
cron &
backup=$!
await test -s /run/log
expect 1 cron >/run/out 2>&1
[ ! -s /run/out ]
touch /run/go-on
wait "$backup"
expect 0 cron
[ "$(cat /run/log)" = "start
start" ]
