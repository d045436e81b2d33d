{{- define "account" -}}
{{ .Values.serviceAccount.name | default "cert-manager" }}
{{- end }}
