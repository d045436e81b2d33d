{{- define "account" -}}
{{ .Values.serviceAccount.name | default "aws-load-balancer-controller" }}
{{- end }}
