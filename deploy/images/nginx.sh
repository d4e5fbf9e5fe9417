#!/bin/sh
# Makes the OCI layout OUT (tag `latest`) of an nginx image from Debian's own packages: no registry is needed.
# usage: nginx.sh OUT
set -eu
out=$1
work=$(mktemp -d "${out%/*}/.nginx.XXXXXX")
trap 'rm -rf "$work"' EXIT
umask 022

# The machine's own Debian mirror, whatever it is.
mirror=$(apt-get indextargets --format '$(SITE) $(CODENAME) $(ORIGIN)' 2>/dev/null | awk '$3 == "Debian" && $2 !~ /security|updates|backports/ { print $1; exit }')
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
mmdebstrap --quiet --variant=extract --include=nginx-light,busybox-static "$suite" "$work/root" ${mirror:+"deb $mirror $suite main"}

cd "$work/root"
rm -rf var/cache/apt var/lib/apt var/lib/dpkg usr/share/doc usr/share/man usr/share/locale usr/share/perl* usr/lib/*/perl* etc/nginx/sites-enabled
for tool in sh cat ls ps wget nslookup sleep env id hostname ip ping vi grep tail head date kill mkdir rm touch stat df mount dd nc sed awk printenv true false test echo; do
  [ -e "bin/$tool" ] || [ -e "usr/bin/$tool" ] || ln -s /bin/busybox "bin/$tool"
done
mkdir -p proc sys dev run tmp root etc var/log/nginx var/lib/nginx usr/share/nginx/html
chmod 1777 tmp
cat > etc/passwd <<'X'
root:x:0:0:root:/root:/bin/sh
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
X
cat > etc/group <<'X'
root:x:0:
adm:x:4:
www-data:x:33:
nogroup:x:65534:
X
ln -sf /dev/stdout var/log/nginx/access.log
ln -sf /dev/stderr var/log/nginx/error.log
cat > etc/nginx/nginx.conf <<'X'
user www-data;
worker_processes 1;
pid /run/nginx.pid;
error_log /dev/stderr notice;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  default_type application/octet-stream;
  access_log /dev/stdout combined;
  sendfile on;
  keepalive_timeout 65;
  server_tokens off;
  include /etc/nginx/conf.d/*.conf;
  server {
    listen 80 default_server;
    root /usr/share/nginx/html;
    index index.html;
    add_header X-Pod $hostname always;
    location / { ssi on; }
  }
}
X
cat > usr/share/nginx/html/index.html <<'X'
<!DOCTYPE html>
<html>
<head><title>Welcome to nginx!</title></head>
<body>
<h1>Welcome to nginx!</h1>
<p>Served by pod <!--# echo var="hostname" --></p>
</body>
</html>
X

cd "$work"
umoci init --layout layout
umoci new --image layout:latest
umoci unpack --image layout:latest bundle 2>/dev/null
cp -a root/. bundle/rootfs/
umoci repack --image layout:latest bundle
umoci config --image layout:latest --config.cmd nginx --config.cmd -g --config.cmd 'daemon off;' \
  --config.env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin --config.exposedports 80/tcp --config.stopsignal SIGQUIT
umoci gc --layout layout
rm -rf "$out"
mv layout "$out"
