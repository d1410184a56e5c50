# The examples of a page, one file each in $BLOCKS, as a reader pastes them: each ends well and leaves nothing running.
. ./lib.sh
quiet_root
cd /run || exit
for block in "$BLOCKS"/*.sh; do
	if grep -q '^exec' "$block"; then # becomes the server
		sh -eu "$block" &
		await pid-alive --quiet -p web.pid
		expect 0 pid-kill -p web.pid
		wait "$!" || :
	else
		expect 0 sh -eu "$block" 2>&1
		wait-healthy --invert --url tcp://127.0.0.1:8080
	fi
	[ ! -e web.pid ]
done
