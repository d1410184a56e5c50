# An example of a page, $EXAMPLE, as a reader pastes it: HOW and WITH are those of testdata/examples. Programs that it names and
# that are nobody's here are stubs.
. ./lib.sh
quiet_root
mkdir -p /run/stubs
stub() { # NAME: a program of that name, from standard input
	{
		echo '#!/bin/sh'
		cat
	} >"/run/stubs/$1"
	chmod 755 "/run/stubs/$1"
}
for name in web webd app; do
	echo 'exec busybox httpd -f -p 8080 -h /var/www/html' | stub $name
done
for name in backup client pg_isready make; do
	echo exit 0 | stub $name
done
for name in etcd store ssh-agent; do
	echo 'exec busybox httpd -f -p 2379' | stub $name
done
echo 'exec keep-alive --notify --min-uptime 10ms -- busybox httpd -f -p 6379' | stub redis-server
# shellcheck disable=SC2016 # the stub's variable
echo 'exec kill -QUIT "$PID"' | stub nginx
# shellcheck disable=SC2016
echo 'shift; exec "$@"' | stub ssh
for name in start-stop-daemon chpst setlock; do
	ln -s "$BIN/pidbox" /run/stubs/$name
done
PATH=/run/stubs:$PATH
echo fine >/var/www/html/health
{ # what the pages name
	echo '127.0.0.1 localhost db'
} >/run/hosts
mount --bind /run/hosts /etc/hosts
for file in passwd group; do
	sed '/^vcap:/d' /etc/$file >/run/$file
done
echo 'vcap:x:4711:4711::/:/bin/sh' >>/run/passwd
echo 'vcap:x:4711:' >>/run/group
mount --bind /run/passwd /etc/passwd
mount --bind /run/group /etc/group

# etc_file NAME TEXT: /etc/NAME, and nothing else there.
etc_file() {
	mount -t tmpfs none /etc
	(umask 077 && echo "$2" >"/etc/$1")
}

# members: the beginning of a plan, up to its cases.
members() {
	echo 'leader: echo m1'
	echo members:
	for name in m1 m2 m3; do
		echo "- {name: $name, agent: 'unix:/run/$name.sock', health: 'tcp://127.0.0.1:1'}"
	done
	echo cases:
}

cd /run || exit
cp "$EXAMPLE" example
mkfifo input
exec 3<>input # an input that stays open
case $HOW in
file) eval "$WITH" ;;
up)
	case $WITH in *' ;; '*) eval "${WITH#* ;; }" ;; esac
	sh -u example <&3 &
	# shellcheck disable=SC2086 # words
	await ${WITH%% ;; *}
	;;
*)
	eval "$WITH"
	expect "$HOW" sh -eu example <&3
	;;
esac
