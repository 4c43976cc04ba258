package main

import (
	"strconv"
	"text/template"
)

// As HTTP load balancers all keep their connections to the backends open, use them for whichever client comes next, and add
// the same three fields to each request: X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Port. Where a vendor's default
// ends a connection after some number of requests or seconds, it is raised until it does not happen here.

var lullHTTP = template.Must(template.New("lull.yaml").Parse(`admin: {socket: {{.Dir}}/lull.sock}
{{if .Metrics.IsValid}}metrics: {address: {{.Metrics}}}
{{end -}}
loops: {{.Threads}}
load_balancers:
  - name: bench
    address: {{.Listen.Addr}}
    timeouts: {model: shared, idle: {{.Idle}}}
    listeners:
{{- if .TLS}}
      - {name: http, protocol: https, port: {{.Listen.Port}}, backend_set: app, tls: {certificate: {{.Certificate}}, key: {{.Key}}, min_version: "1.2"}}
{{- else}}
      - {name: http, protocol: http, port: {{.Listen.Port}}, backend_set: app}
{{- end}}
    backend_sets:
      - name: app
        policy: round_robin
{{- if .BackTLS}}
        protocol: https
        tls: {ca: {{.Certs.Authority}}, server_name: {{.ServerName}}}
{{- end}}
        backends:
{{- range .Backends}}
          - {address: {{.Addr}}, port: {{.Port}}}
{{- end}}
`))

// haproxyHTTP: timeout tunnel replaces the others on an upgraded connection.
var haproxyHTTP = template.Must(template.New("haproxy.cfg").Parse(`global
    nbthread {{.Threads}}
    maxconn 9200
    maxpipes 500
{{- if .TLS}}
    ssl-default-bind-options ssl-min-ver TLSv1.2
    ssl-default-bind-ciphers {{.Ciphers}}
    ssl-default-bind-ciphersuites {{.Suites}}
{{- end}}
{{- if .BackTLS}}
    ssl-default-server-ciphersuites {{.Suites}}
{{- end}}
defaults
    mode http
    option http-keep-alive
    option splice-auto
    option forwardfor
    http-reuse always
    timeout connect 10s
    timeout client {{.IdleMillis}}ms
    timeout server {{.IdleMillis}}ms
frontend bench
    bind {{.Listen}}{{if .TLS}} ssl crt {{.Both}}{{end}}
    http-request set-header X-Forwarded-Proto {{if .TLS}}https{{else}}http{{end}}
    http-request set-header X-Forwarded-Port %[dst_port]
    default_backend app
backend app
    balance roundrobin
{{- range $i, $b := .Backends}}
    server b{{$i}} {{$b}}{{if $.BackTLS}} ssl verify required ca-file {{$.Certs.Authority}} sni str({{$.ServerName}}){{end}}
{{- end}}
`))

// nginxHTTP: the number of idle back-end connections to keep (for each worker) has no default worth the name, and is more
// than any scenario has under way. What a client does not take at once waits in memory instead of in a file.
var nginxHTTP = template.Must(template.New("nginx.conf").Parse(`daemon off;
pid {{.Dir}}/nginx.pid;
error_log stderr emerg;
worker_processes {{.Threads}};
worker_rlimit_nofile 20000;
events {
    worker_connections 20000;
}
http {
    access_log off;
    keepalive_timeout {{.IdleMillis}}ms;
    keepalive_requests 1000000000;
{{- if .Upgrades}}
    map $http_upgrade $connection_upgrade {
        default upgrade;
        '' '';
    }
{{- end}}
    upstream app {
{{- range .Backends}}
        server {{.}};
{{- end}}
        keepalive 1024;
        keepalive_timeout {{.IdleMillis}}ms;
        keepalive_requests 1000000000;
    }
    server {
{{- if .TLS}}
        listen {{.Listen}} ssl reuseport;
        ssl_certificate {{.Certificate}};
        ssl_certificate_key {{.Key}};
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers {{.Ciphers}};
        ssl_conf_command Ciphersuites {{.Suites}};
        ssl_session_cache shared:bench:10m;
        ssl_session_tickets on;
{{- else}}
        listen {{.Listen}} reuseport;
{{- end}}
        location / {
{{- if .BackTLS}}
            proxy_pass https://app;
            proxy_ssl_protocols TLSv1.2 TLSv1.3;
            proxy_ssl_conf_command Ciphersuites {{.Suites}};
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {{.Certs.Authority}};
            proxy_ssl_verify_depth 2;
            proxy_ssl_server_name on;
            proxy_ssl_name {{.ServerName}};
{{- else}}
            proxy_pass http://app;
{{- end}}
{{- if .Uploads}}
            proxy_request_buffering off;
{{- end}}
            proxy_http_version 1.1;
{{- if .Upgrades}}
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection $connection_upgrade;
{{- else}}
            proxy_set_header Connection "";
{{- end}}
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Forwarded-Proto $scheme;
            proxy_set_header X-Forwarded-Port $server_port;
            proxy_read_timeout {{.IdleMillis}}ms;
            proxy_send_timeout {{.IdleMillis}}ms;
            proxy_max_temp_file_size 0;
        }
    }
}
`))

// goKinds lists two HTTP load balancers built on net/http: what one gets with the standard library alone, and the
// best-known program made of it.
func goKinds(self string) []kind {
	return []kind{
		{
			name: "reverseproxy", binary: self, versionArgs: []string{proxyCommand, "-version"}, file: "reverseproxy.json",
			http: reverseProxyHTTP,
			args: func(_, file string) []string { return []string{proxyCommand, file} },
		},
		{
			name: "caddy", binary: "/usr/bin/caddy", versionArgs: []string{"version"}, file: "Caddyfile",
			http: caddyHTTP,
			args: func(_, file string) []string { return []string{"run", "--config", file, "--adapter", "caddyfile"} },
			env: func(s setup) []string {
				return []string{"GOMAXPROCS=" + strconv.Itoa(s.Threads), "HOME=" + s.Dir, "XDG_DATA_HOME=" + s.Dir, "XDG_CONFIG_HOME=" + s.Dir}
			},
		},
	}
}

// proxyCommand as first argument makes this process a load balancer of httputil.ReverseProxy.
const proxyCommand = "reverseproxy"

var reverseProxyHTTP = template.Must(template.New("reverseproxy.json").Parse(`{
  "listen": "{{.Listen}}",
  "threads": {{.Threads}},
  "backends": [{{range $i, $b := .Backends}}{{if $i}}, {{end}}"{{$b}}"{{end}}]
}
`))

var caddyHTTP = template.Must(template.New("Caddyfile").Parse(`{
	admin off
	auto_https off
	log {
		level ERROR
	}
}
http://:{{.Listen.Port}} {
	bind {{.Listen.Addr}}
	reverse_proxy {{range .Backends}}{{.}} {{end}}{
		lb_policy round_robin
		header_up X-Forwarded-Port {http.request.port}
		transport http {
			keepalive_idle_conns_per_host 1024
		}
	}
}
`))
