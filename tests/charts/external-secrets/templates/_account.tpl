{{- define "account" -}}
{{ .Values.serviceAccount.name | default "external-secrets" }}
{{- end }}
