{{- define "account" -}}
{{ .Values.serviceAccount.name | default "metrics-server" }}
{{- end }}
