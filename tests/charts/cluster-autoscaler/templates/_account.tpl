{{- define "account" -}}
{{ .Values.rbac.serviceAccount.name | default "cluster-autoscaler" }}
{{- end }}
