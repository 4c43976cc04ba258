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
      - {name: http, protocol: http, port: {{.Listen.Port}}, backend_set: app}
    backend_sets:
      - name: app
        policy: round_robin
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
    bind {{.Listen}}
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Port %[dst_port]
    default_backend app
backend app
    balance roundrobin
{{- range $i, $b := .Backends}}
    server b{{$i}} {{$b}}
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
        listen {{.Listen}} reuseport;
        location / {
            proxy_pass http://app;
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
