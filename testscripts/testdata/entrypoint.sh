# The container's entrypoint as process 1: waits for the database, keeps the server alive, and ends on TERM.
. ./lib.sh
quiet_root
unshare --pid --fork --mount-proc env DB_HOST=127.0.0.1 "$EXAMPLES/entrypoint" busybox httpd -f -p 127.0.0.1:8080 -h /var/www/html &
container=$!
health='wait-healthy --once --quiet --timeout 3 http://127.0.0.1:8080/'
expect 1 sh -c "$health"
busybox httpd -p 127.0.0.1:5432 -h /var/www/html
expect 0 wait-healthy --timeout 1m --url http://127.0.0.1:8080/
expect 0 sh -c "$health"
inside=$(pgrep -P "$container" -x keep-alive)
kill -TERM "$inside"
expect 0 wait "$container"
expect 1 wait-healthy --once --quiet --url http://127.0.0.1:8080/
