# The BOSH job: its package unpacked, its templates rendered with Ruby's ERB, its scripts driven by Monit.
. ./lib.sh
quiet_root
job=/var/vcap/jobs/web
mkdir -p $job/bin $job/config /var/vcap/packages/pidbox /var/vcap/store/web /var/vcap/data/compile/pidbox
echo welcome >/var/vcap/store/web/index.html

cp "$DIST"/pidbox-[0-9]*-linux-*.tar.gz /var/vcap/data/compile/pidbox/
(cd /var/vcap/data/compile && BOSH_INSTALL_TARGET=/var/vcap/packages/pidbox sh "$BOSH/packages/pidbox/packaging")

ruby - "$BOSH/jobs/web" $job <<'END'
require "erb"
require "yaml"
source, target = ARGV
spec = YAML.load_file("#{source}/spec")
$given = { "web.user" => "nobody" }
$defaults = spec["properties"].transform_values { |v| v["default"] }
def p(name)
  $given.fetch(name) { $defaults.fetch(name) }
end
spec["templates"].each do |from, to|
  text = File.read("#{source}/templates/#{from}")
  text = ERB.new(text, trim_mode: "-").result(binding)
  File.write("#{target}/#{to}", text)
  File.chmod(to.start_with?("bin/") ? 0o755 : 0o644, "#{target}/#{to}")
end
END

# The applets of the package, not the machine's: bin/ctl names them by its PATH.
umount /usr/local/bin
PATH=/var/vcap/packages/pidbox/bin:$PATH
pidfile=/var/vcap/sys/run/web/web.pid

# Monit's PATH has no applet; the job's own has those of the package.
[ "$(bare sh -c ". $job/config/env; command -v pid-kill")" = /var/vcap/packages/pidbox/bin/pid-kill ]

with_monit "$BOSH/jobs/web/monit"
await pid-alive --quiet -p $pidfile # Monit says OK of what it has not looked at yet
await monit_says web OK
expect 0 bare $job/bin/post-start
first=$(cat $pidfile)
[ "$(stat -c %U "/proc/$first")" = nobody ]

monit -c /run/monit/rc restart web
await succeeded $pidfile "$first"
expect 0 bare $job/bin/post-start

# killed: Monit starts it anew
second=$(cat $pidfile)
kill -9 "$second"
await succeeded $pidfile "$second"
await monit_says web OK

monit -c /run/monit/rc unmonitor web
await monit_says web 'Not monitored'
[ "$(bare $job/bin/drain)" = 0 ]
expect 1 pid-alive --quiet -p $pidfile
expect 0 bare $job/bin/ctl stop
[ ! -e $pidfile ]
expect 0 bare $job/bin/ctl stop
[ "$(bare $job/bin/drain)" = 0 ]
expect 64 bare $job/bin/ctl
end_monit
