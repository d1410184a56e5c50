# The Dockerfile, line by line as docker would take it, on a root directory that holds a busybox.
. ./lib.sh
quiet_root
root=/run/root
mkdir -p "$root/bin" "$root/usr/local/bin" "$root/www" "$root/run" "$root/proc" "$root/dev" "$root/tmp"
mount -t tmpfs none "$root/run"
cp "$(command -v busybox)" "$root/bin/"
ldd "$root/bin/busybox" | grep -o '/[^ ]*' | while read -r library; do # none, if it is static
	mkdir -p "$root${library%/*}"
	cp "$library" "$root$library"
done
chroot "$root" /bin/busybox --install -s /bin
mount --bind /dev "$root/dev"
mount -t proc none "$root/proc"
cp "$BIN/pidbox" /run/pidbox
cd /run || exit
inside() { chroot "$root" env -i PATH=/usr/local/bin:/bin "$@"; }
words() { printf '%s' "$1" | sed 's/^\[//; s/\]$//; s/", *"/ /g; s/"//g'; } # of a JSON list without blanks in them
while read -r order rest; do
	case $order in
	FROM) [ "$rest" = busybox ] ;;
	COPY) cp "${rest% *}" "$root${rest#* }" ;;
	RUN) inside sh -c "$rest" ;;
	HEALTHCHECK) health=$(words "${rest#* CMD }") ;;
	ENTRYPOINT) entrypoint=$(words "$rest") ;;
	CMD) command=$(words "$rest") ;;
	*) exit 1 ;;
	esac
done <"$EXAMPLES/Dockerfile"
echo fine >"$root/www/index.html"
# shellcheck disable=SC2086 # they are words
expect 1 inside $health
# shellcheck disable=SC2086
unshare --pid --fork --mount-proc="$root/proc" chroot "$root" env -i PATH=/usr/local/bin:/bin $entrypoint $command &
container=$!
expect 0 wait-healthy --timeout 1m http://127.0.0.1:8080/
# shellcheck disable=SC2086
expect 0 inside $health
first=$(pgrep -P "$container" -x keep-alive)
kill -TERM "$first"
expect 0 wait "$container"
# shellcheck disable=SC2086
expect 1 inside $health
umount "$root/dev"
