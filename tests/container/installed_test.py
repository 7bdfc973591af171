import sys,subprocess
open(sys.argv[1],"w").write("ok trivial\n"+subprocess.run("id; cat /proc/self/cgroup; getent passwd opendepot; ls -la /etc/opendepot /usr/lib/opendepot; systemctl list-units --failed; systemctl is-system-running; systemd-analyze", shell=True,capture_output=True,text=True).stdout+"end\n")
