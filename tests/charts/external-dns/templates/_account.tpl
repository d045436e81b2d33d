{{- define "account" -}}
{{ .Values.serviceAccount.name | default "external-dns" }}
{{- end }}
