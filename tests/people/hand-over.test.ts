import { testHandingOver } from './handing-over.ts'

testHandingOver('managed')
