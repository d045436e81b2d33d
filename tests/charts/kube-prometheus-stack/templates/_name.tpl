{{- define "name" -}}
{{ .Values.fullnameOverride | default (printf "%s-kube-prometheus" .Release.Name) | trunc 26 | trimSuffix "-" }}
{{- end }}
