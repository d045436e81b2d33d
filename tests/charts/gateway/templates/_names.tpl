{{- define "gateway.name" -}}
{{ .Values.name | default .Release.Name }}
{{- end }}
{{- define "gateway.account" -}}
{{ .Values.serviceAccount.name | default (include "gateway.name" .) }}
{{- end }}
{{- define "gateway.selector" -}}
app: {{ include "gateway.name" . }}
istio: {{ include "gateway.name" . | trimPrefix "istio-" }}
{{- end }}
