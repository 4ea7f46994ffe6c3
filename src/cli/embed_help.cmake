# cmake -DOUTPUT=help_texts.cpp -DFOLDER=commands -P embed_help.cmake
# The .md files of the commands as string literals: help needs no files at run time.
file(GLOB files RELATIVE ${FOLDER} ${FOLDER}/*.md)
list(SORT files)
set(entries "")
foreach(file IN LISTS files)
  file(READ ${FOLDER}/${file} text)
  string(REGEX REPLACE "\\.md$" "" topic ${file})
  string(APPEND entries "  if (topic == \"${topic}\") return R\"~help~(${text})~help~\";\n")
endforeach()
file(WRITE ${OUTPUT} "#include \"cli/help.h\"\n\nnamespace cove {\n
std::string_view help_text(std::string_view topic) {\n${entries}  return {};\n}\n\n}  // namespace cove\n")
