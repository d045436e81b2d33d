{{- define "account" -}}
{{ .Values.serviceAccount.name | default "karpenter" }}
{{- end }}
