-- Posts the bodies of a file, one a line, one after the other: wrk … -- FILE PATH MEDIA_TYPE LINES
-- LINES lines become one body, for batches.
local requests = {}
local at = 0

function init(arguments)
  local file, path, media_type, lines = arguments[1], arguments[2], arguments[3], tonumber(arguments[4])
  local headers = { ["Content-Type"] = media_type }
  local body = {}
  for line in io.lines(file) do
    body[#body + 1] = line
    if #body == lines then
      requests[#requests + 1] = wrk.format("POST", path, headers, table.concat(body, "\n"))
      body = {}
    end
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end
