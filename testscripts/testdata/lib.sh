# What the example tests share. They run in mount, network and PID namespaces of their own: every path and port is theirs.

# quiet_root hides what the machine has under the paths that examples use, and puts the applets of $BIN into PATH.
quiet_root() {
	ip link set lo up
	for dir in /run /var /etc/default /etc/init.d; do
		mount -t tmpfs none "$dir"
	done
	mkdir -p /var/log /var/www/html
	mount --bind "$BIN" /usr/local/bin
	chmod 755 /var/www/html
	echo welcome >/var/www/html/index.html
	PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
}

# expect WANT COMMAND...: the command ends with that status.
expect() {
	want=$1
	shift
	got=0
	"$@" || got=$?
	if [ "$got" -ne "$want" ]; then
		echo "status $got instead of $want: $*" >&2
		exit 1
	fi
}

# await COMMAND...: the command comes to succeed, within a minute.
await() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ $tries -lt 1200 ] || {
			echo "never came true: $*" >&2
			"$@"
			exit 1
		}
		sleep 0.05
	done
}

# succeeded PIDFILE PID: a process other than PID has the pidfile, and runs.
succeeded() {
	now=$(pid-alive --quiet --print -p "$1") && [ "$now" != "$2" ]
}

# bare COMMAND...: runs it with the one variable that Monit gives to what it starts.
bare() { env -i PATH=/bin:/usr/bin:/sbin:/usr/sbin "$@"; }

# with_monit FILE: a Monit that polls every second and has the services of FILE.
with_monit() {
	mkdir -p /run/monit
	cat >/run/monit/rc - "$1" <<-END
		set daemon 1
		set pidfile /run/monit/pid
		set idfile /run/monit/id
		set statefile /run/monit/state
		set httpd unixsocket /run/monit/socket allow admin:pass
	END
	chmod 600 /run/monit/rc
	env -i PATH=/bin:/usr/bin:/sbin:/usr/sbin monit -c /run/monit/rc -I >/run/monit/log 2>&1 &
	monit=$!
	await monit -c /run/monit/rc summary -B
}

# monit_says SERVICE WORDS
monit_says() {
	monit -c /run/monit/rc summary -B >/run/monit/summary && grep -q "$1 *$2" /run/monit/summary
}

end_monit() {
	kill "$monit"
	wait "$monit"
}
